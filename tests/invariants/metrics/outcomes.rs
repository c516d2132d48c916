//! What becomes of records, how long it takes, and what it asks of the database.

use serde_json::json;

use crate::support::metrics::Scrape;
use crate::support::{Message, World, booking, cancellation, eventually};

const EVENTS: &str = "worker_events_processed_total";

fn events(scrape: &Scrape, topic: &str, outcome: &str, reason: &str) -> f64 {
    scrape.count(EVENTS, &[("topic", topic), ("outcome", outcome), ("reason", reason)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_outcome_is_counted_once_it_is_committed_and_only_then() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let (bookings, cancellations) = (&*world.bookings, &*world.cancellations);
    world.book(&booking("one")).await;
    world.book(&booking("one")).await;
    let mut other = booking("one");
    other["guests"] = json!(1);
    world.book(&other).await;
    let mut stranger = booking("two");
    stranger["userId"] = json!("nobody");
    world.book(&stranger).await;
    world.settled().await;
    world.cancel(&cancellation("two", "ana")).await;
    world.produce(bookings, &Message::bytes("{")).await;
    let elsewhere = Message::event(&booking("three")).header("baggage", "okteto-divert=elsewhere");
    world.produce(bookings, &elsewhere).await;
    world.settled().await;
    world.cancel(&cancellation("one", "bo")).await;
    world.cancel(&cancellation("one", "ana")).await;
    world.cancel(&cancellation("one", "ana")).await;
    world.cancel(&cancellation("four", "ana")).await;
    world.settled().await;
    let scrape = worker
        .metrics_until("all outcomes to be counted", |scrape| scrape.get(EVENTS, &[]) == Some(11.0))
        .await;
    let expected = [
        (bookings, "accepted", ""),
        (bookings, "duplicate", ""),
        (bookings, "rejected", "conflicting_booking"),
        (bookings, "held", "unknown_user"),
        (bookings, "dead", "undecodable"),
        (bookings, "diverted", ""),
        (cancellations, "held", "queued"),
        (cancellations, "rejected", "not_owner"),
        (cancellations, "cancelled", ""),
        (cancellations, "rejected", "already_cancelled"),
        (cancellations, "held", "unknown_booking"),
    ];
    for (topic, outcome, reason) in expected {
        assert!(
            events(&scrape, topic, outcome, reason) >= 1.0,
            "{topic} {outcome} {reason}: {}",
            scrape.text
        );
    }
    // One observation a record, in each of the histograms that are of records.
    for name in ["worker_event_processing_duration_seconds", "worker_event_delay_seconds"] {
        assert_eq!(scrape.get(&format!("{name}_count"), &[]), Some(11.0), "{name}");
        assert!(scrape.get(&format!("{name}_sum"), &[]).unwrap() > 0.0, "{name}");
    }
    assert_eq!(scrape.get("worker_batch_records_sum", &[]), Some(11.0));
    assert_eq!(scrape.get("worker_batch_records_sum", &[("topic", bookings)]), Some(6.0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sweeper_makes_of_held_records_is_counted_too() {
    let world = World::new(1).await;
    let mut worker = world.worker_with(&[("HELD_BACKOFF_MIN", "100ms"), ("HELD_BACKOFF_MAX", "100ms")]);
    let mut stranger = booking("one");
    stranger["userId"] = json!("zoe");
    world.book(&stranger).await;
    let (topic, held) = (world.bookings.as_str(), "held");
    worker
        .metrics_until("the record to be held", |scrape| events(scrape, topic, held, "unknown_user") == 1.0)
        .await;
    let tried = "SELECT 1 FROM worker.held WHERE attempts > 1";
    eventually("some tries that change nothing", async || world.database.query_opt(tried, &[]).await).await;
    assert_eq!(worker.metrics().await.get(EVENTS, &[]), Some(1.0), "still waiting is no new outcome");
    let zoe = "INSERT INTO users (email, username, name) VALUES ('zoe@example.com', 'zoe', 'Zoe')";
    world.database.batch_execute(zoe).await.unwrap();
    let scrape = worker
        .metrics_until("the record to be accepted", |scrape| events(scrape, topic, "accepted", "") == 1.0)
        .await;
    assert_eq!(scrape.get(EVENTS, &[]), Some(2.0));
    assert_eq!(scrape.get("worker_event_delay_seconds_count", &[]), Some(1.0), "of first outcomes only");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_records_delay_is_measured_from_its_timestamp_and_is_never_negative() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let minutes = 60_000;
    for (id, timestamp) in [("old", now - 120 * minutes), ("ahead", now + 30 * minutes)] {
        world.produce(&world.bookings, &Message::event(&booking(id)).timestamp(timestamp)).await;
    }
    let count = "worker_event_delay_seconds_count";
    let scrape =
        worker.metrics_until("both to be measured", |scrape| scrape.get(count, &[]) == Some(2.0)).await;
    let below = |bound: &str| scrape.get("worker_event_delay_seconds_bucket", &[("le", bound)]).unwrap();
    assert_eq!((below("0.001"), below("3600"), below("14400")), (1.0, 1.0, 2.0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_counted_by_operation_and_result_and_connections_by_state() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    world.book(&booking("one")).await;
    world.settled().await;
    let scrape = worker
        .metrics_until("the commit to be counted", |scrape| {
            scrape.count("worker_db_operations_total", &[("operation", "commit"), ("result", "success")])
                >= 1.0
        })
        .await;
    for operation in ["connection", "begin", "ledger_insert", "positions_advance", "positions_load"] {
        let labels = [("operation", operation), ("result", "success")];
        assert!(scrape.count("worker_db_operations_total", &labels) >= 1.0, "{operation}: {}", scrape.text);
        let duration = "worker_db_operation_duration_seconds_count";
        assert!(scrape.count(duration, &[("operation", operation)]) >= 1.0, "{operation}");
    }
    assert_eq!(
        scrape.get("worker_db_operations_total", &[("operation", "commit"), ("result", "failure")]),
        None
    );

    // A lane that waits for a lock has its connection in use, and others are idle.
    let pool =
        |scrape: &Scrape, state: &str| scrape.get("worker_db_pool_connections", &[("state", state)]).unwrap();
    let lock = world.lock_ledger().await;
    world.book(&booking("two")).await;
    world.transactions_wait(1).await;
    let scrape = worker.metrics().await;
    assert!(pool(&scrape, "in_use") >= 1.0, "{}", scrape.text);
    lock.release().await;
    worker
        .metrics_until("all connections to be idle", |scrape| {
            pool(scrape, "in_use") == 0.0 && pool(scrape, "idle") >= 1.0 && pool(scrape, "waiting") == 0.0
        })
        .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_that_wait_for_a_connection_are_seen() {
    let world = World::new(4).await;
    let mut worker = world.worker_with(&[("DB_POOL_SIZE", "1")]);
    worker.begins(8).await;
    let lock = world.lock_ledger().await;
    for partition in 0..4 {
        let event = booking(&format!("b{partition}"));
        world.produce(&world.bookings, &Message::event(&event).partition(partition)).await;
    }
    let waiting = [("state", "waiting")];
    worker
        .metrics_until("lanes to wait for the only connection", |scrape| {
            scrape.count("worker_db_pool_connections", &waiting) >= 3.0
                && scrape.count("worker_lane_state", &[("topic", &world.bookings), ("state", "waiting")])
                    >= 3.0
                && scrape.count("worker_lane_state", &[("topic", &world.bookings), ("state", "applying")])
                    == 1.0
        })
        .await;
    lock.release().await;
    world.settled().await;
    worker.stop().await;
}
