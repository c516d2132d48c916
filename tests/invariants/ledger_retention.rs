//! Retention: the ledger loses what is old, settled and published, and nothing else.

use serde_json::json;

use crate::support::compare::until;
use crate::support::{Message, World, booking, cancellation};

const WEEK: (&str, &str) = ("LEDGER_RETENTION", "7d");

/// Makes the rows of these records of the bookings' only partition a month old, those kept of them too.
async fn age(world: &World, offsets: &[i64]) {
    for table in ["ledger SET recorded_at", "held SET updated_at"] {
        let sql = format!(
            "UPDATE worker.{table} = now() - interval '30 days' WHERE topic = $1 AND record_offset = ANY ($2)"
        );
        world.database.execute(&sql, &[&world.bookings, &offsets]).await.unwrap();
    }
}

/// Which of the bookings' records have rows.
async fn offsets(world: &World) -> Vec<i64> {
    let mut offsets: Vec<i64> = world
        .ledger()
        .await
        .iter()
        .filter(|entry| entry.topic == world.bookings)
        .map(|entry| entry.offset)
        .collect();
    offsets.dedup();
    offsets
}

/// Below which offset the bookings' rows are gone, and whether it is said since when.
async fn pruned(world: &World) -> (i64, bool) {
    let sql = "SELECT pruned_below, pruned_before < now() - interval '6 days' FROM worker.positions WHERE topic = $1";
    let row = world.database.query_one(sql, &[&world.bookings]).await.unwrap();
    (row.get(0), row.get::<_, Option<bool>>(1) == Some(true))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_deletes_what_is_old_and_keeps_what_waits_is_dead_or_young() {
    let world = World::new(1).await;
    let mut nobody = booking("b2");
    nobody["userId"] = json!("nobody");
    let messages = [
        Message::event(&booking("b0")),
        Message::bytes("?").key("dead"),
        Message::event(&nobody),
        Message::event(&booking("b3")),
        Message::bytes("?").key("discarded"),
        Message::event(&booking("b5")),
        Message::event(&booking("young")),
        Message::event(&booking("b7")),
    ];
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    world.cancel(&cancellation("b0", "ana")).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    world
        .database
        .execute("UPDATE worker.held SET status = 'discarded' WHERE record_offset = 4", &[])
        .await
        .unwrap();
    age(&world, &[0, 1, 2, 3, 4, 5, 7]).await;

    let worker = world.worker_with(&[WEEK]);
    until("the old rows to be deleted", async || offsets(&world).await == [1, 2, 6, 7]).await;
    assert_eq!(pruned(&world).await, (6, true));
    let kept: Vec<(i64, String)> =
        world.held().await.into_iter().map(|held| (held.offset, held.status)).collect();
    assert_eq!(kept, [(1, "dead".to_owned()), (2, "waiting".to_owned())]);
    assert_eq!(world.verdicts(&world.cancellations).await, ["cancelled"], "another topic, and young");
    let bookings = world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap();
    assert_eq!(bookings.get::<_, i64>(0), 5, "retention is the ledger's, not the bookings'");
    worker.stop().await;

    // What stayed behind goes once it is settled and old.
    world
        .database
        .execute("UPDATE worker.held SET status = 'discarded' WHERE record_offset = 1", &[])
        .await
        .unwrap();
    let worker = world.worker_with(&[WEEK]);
    until("the rest to be deleted", async || offsets(&world).await == [2, 6, 7]).await;
    assert_eq!(pruned(&world).await, (6, true));
    assert_eq!(world.held().await.len(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_never_deletes_what_is_unpublished() {
    let world = World::new(1).await;
    world.book(&booking("b0")).await;
    let worker = world.worker();
    world.settled().await;
    world.all_published().await;
    // A row whose fate is open, before those of the next bookings.
    let late = world.another_connection().await;
    late.batch_execute("BEGIN").await.unwrap();
    world.record_by_hand(&late, 1, "late").await;
    world.book(&booking("b1")).await;
    world.book(&booking("b2")).await;
    world.settled().await;
    worker.stop().await;
    age(&world, &[0, 1, 2]).await;

    let worker = world.worker_with(&[WEEK]);
    until("the published row to be deleted", async || offsets(&world).await == [1, 2]).await;
    assert_eq!(pruned(&world).await, (1, true));
    late.batch_execute("COMMIT").await.unwrap();
    world.all_published().await;
    worker.stop().await;
    let worker = world.worker_with(&[WEEK]);
    until("the rest to be deleted", async || offsets(&world).await.is_empty()).await;
    assert_eq!(pruned(&world).await, (3, true));
    let told: Vec<String> =
        world.status_events().await.iter().map(|event| event.key_text().to_owned()).collect();
    assert_eq!(told, ["b0", "late", "b1", "b2"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_goes_on_step_by_step_through_more_than_one_step_holds() {
    const ROWS: i64 = 23_456;
    let world = World::new(1).await;
    world.book(&booking("b0")).await;
    let worker = world.worker();
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    let rows = "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, revision, subject, outcome, recorded_at) \
                SELECT $1, $2, 0, number / 3 + 1, number % 3, 'b', 'duplicate', now() - interval '30 days' \
                FROM generate_series(0, $3::bigint - 1) AS number";
    world.database.execute(rows, &[&world.group, &world.bookings, &ROWS]).await.unwrap();
    let end = (ROWS - 1) / 3 + 2;
    let moved = "UPDATE worker.positions SET next_offset = $1 WHERE topic = $2";
    world.database.execute(moved, &[&end, &world.bookings]).await.unwrap();
    age(&world, &[0]).await;
    // The position is past the topic's end, which halts its lane; the relay does not mind.
    let worker = world.worker_with(&[WEEK]);
    until("all rows to be deleted", async || offsets(&world).await.is_empty()).await;
    assert_eq!(pruned(&world).await, (end, true));
    worker.stop().await;
}
