//! What only the database knows of the group: records set aside, and outcomes that are not published.

use serde_json::json;

use crate::support::metrics::Scrape;
use crate::support::{Message, World, booking};

const HELD: &str = "worker_held_records";
const BACKLOG: &str = "worker_relay_backlog_records";
const PUBLISHED: &str = "worker_relay_published_total";

fn held(scrape: &Scrape, status: &str, reason: &str) -> Option<f64> {
    scrape.get(HELD, &[("status", status), ("reason", reason)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_set_aside_are_counted_for_the_group_at_each_of_its_workers() {
    let world = World::new(1).await;
    let other = "INSERT INTO worker.held (group_id, topic, partition, record_offset, subject, reason, status, \
                 holds_back) SELECT 'another-group', 'a', 0, n, 'b', 'undecodable', 'dead', false \
                 FROM generate_series(1, 7) AS n";
    world.database.batch_execute(other).await.unwrap();
    let mut workers = [world.worker(), world.worker()];
    for id in ["one", "two"] {
        let mut stranger = booking(id);
        stranger["userId"] = json!("nobody");
        world.book(&stranger).await;
    }
    for _ in 0..3 {
        world.produce(&world.bookings, &Message::bytes("{")).await;
    }
    world.settled().await;
    for worker in &mut workers {
        worker
            .metrics_until("what was set aside to be counted", |scrape| {
                held(scrape, "waiting", "unknown_user") == Some(2.0)
                    && held(scrape, "dead", "undecodable") == Some(3.0)
                    && scrape.get(HELD, &[]) == Some(5.0)
            })
            .await;
    }
    // Given up by a person, they are gone.
    let said = world.command(&["held", "discard", "--status", "dead"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    for mut worker in workers {
        worker.metrics_until("the dead to be gone", |scrape| scrape.get(HELD, &[]) == Some(2.0)).await;
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_that_wait_for_the_relay_are_its_backlog_and_those_it_publishes_are_counted() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    world.book(&booking("one")).await;
    world.settled().await;
    world.all_published().await;
    worker.metrics_until("the backlog to be known", |scrape| scrape.get(BACKLOG, &[]) == Some(0.0)).await;
    // The relay waits for whoever has written to the ledger, however long that takes. Held up by a lock instead, it
    // would begin again after ten seconds, and publish the same once more.
    let writer = world.another_connection().await;
    writer.batch_execute("BEGIN").await.unwrap();
    world.record_by_hand(&writer, 0, "never").await;
    let other = "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome, announcement) \
                 SELECT 'another-group', 'a', 0, n, 'b', 'accepted', '{}' FROM generate_series(1, 7) AS n";
    world.database.batch_execute(other).await.unwrap();
    world.book(&booking("two")).await;
    world.book(&booking("three")).await;
    world.book(&booking("three")).await;
    world.produce(&world.bookings, &Message::bytes("{")).await;
    world.settled().await;
    // A duplicate is told nobody.
    worker.metrics_until("the backlog to be counted", |scrape| scrape.get(BACKLOG, &[]) == Some(3.0)).await;
    writer.batch_execute("ROLLBACK").await.unwrap();
    world.all_published().await;
    let dead_letters = World::dead_letters(&world.bookings);
    let scrape =
        worker.metrics_until("the backlog to be gone", |scrape| scrape.get(BACKLOG, &[]) == Some(0.0)).await;
    assert_eq!(scrape.get(PUBLISHED, &[("topic", &world.status)]), Some(3.0), "{}", scrape.text);
    assert_eq!(scrape.get(PUBLISHED, &[("topic", &dead_letters)]), Some(1.0));
    worker.stop().await;
}
