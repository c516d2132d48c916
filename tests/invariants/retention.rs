//! Records that the topic's retention removes before they are read: told exactly, counted, and passed by.

use serde_json::Value;

use crate::support::{World, booking, booking_of, cancellation, eventually, names};

const LOST: &str =
    "the topic's retention removed records before they were read; they are lost to this worker";
const PAUSED: &str = "the lane's queue is full; the partition is paused";

/// The offsets that the ledger has of the bookings' only partition.
async fn recorded(world: &World) -> Vec<i64> {
    let ledger = world.ledger().await;
    ledger.iter().filter(|entry| entry.topic == world.bookings).map(|entry| entry.offset).collect()
}

/// Checks the line about the loss and the count in the database, and returns the gap: its first offset and the
/// one after its last.
async fn gap(world: &World, lines: &[Value]) -> (i64, i64) {
    let [line] = lines else { panic!("said {} times", lines.len()) };
    assert_eq!((&line["level"], &line["topic"]), (&"ERROR".into(), &world.bookings.as_str().into()));
    let [from, to, lost] = ["offset", "continuesAt", "records"].map(|name| line[name].as_i64().unwrap());
    assert_eq!(lost, to - from, "{line}");
    let sql = "SELECT skipped_records FROM worker.positions WHERE topic = $1";
    let row = world.database.query_one(sql, &[&world.bookings]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), lost);
    (from, to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_removed_while_no_worker_ran_are_told_exactly_and_passed_by() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book_all(0, names("read", 3)).await;
    world.settled().await;
    worker.stop().await;
    let end = world.book_all(0, names("unread", 9)).await;
    world.admin().delete_records(&world.bookings, 0, 7).await.unwrap();
    let mut worker = world.worker();
    worker.said(LOST).await;
    world.settled().await;
    assert_eq!(gap(&world, &worker.lines_with(LOST)).await, (3, 7));
    assert_eq!(recorded(&world).await, (0..3).chain(7..end).collect::<Vec<_>>());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_first_start_what_kafkas_offset_had_left_to_read_counts_as_lost_too() {
    let world = World::new(1).await;
    world.book_all(0, names("old", 9)).await;
    world.admin().commit(&world.group, &world.bookings, 0, 2).await.unwrap();
    world.admin().delete_records(&world.bookings, 0, 5).await.unwrap();
    let worker = world.worker();
    world.settled().await;
    assert_eq!(gap(&world, &worker.lines_with(LOST)).await, (2, 5));
    assert_eq!(recorded(&world).await, [5, 6, 7, 8]);
    worker.stop().await;
}

/// Removes records in front of a lane that is stuck.
async fn retention_overtakes_a_stuck_lane(protocol: &str) {
    let world = World::new(1).await;
    let settings = [("RUST_LOG", "info,worker::intake=debug"), ("KAFKA_GROUP_PROTOCOL", protocol)];
    let mut worker = world.worker_with(&settings);
    worker.begins(2).await;
    let lock = world.lock_user("bo").await;
    // The first batch waits for the lock, the next records fill the queue, and the rest is not fetched.
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "first")]).await;
    world.transactions_wait(1).await;
    let end = world.produce_events(&world.bookings, 0, &vec![booking("again"); 6000]).await;
    worker.said(PAUSED).await;
    world.admin().delete_records(&world.bookings, 0, 5900).await.unwrap();
    // Another lane does not even notice.
    world.cancel(&cancellation("nobody", "ana")).await;
    eventually("the other lane to go on", async || {
        Ok::<_, ()>((world.verdicts(&world.cancellations).await.len() == 1).then_some(()))
    })
    .await;
    lock.release().await;
    world.settled().await;
    let (from, to) = gap(&world, &worker.lines_with(LOST)).await;
    assert_eq!(to, 5900);
    assert!(from > 1000, "what the queue held was given up: lost from {from} on");
    assert_eq!(recorded(&world).await, (0..from).chain(to..end).collect::<Vec<_>>());
    // It reads on as before.
    world.book_all(0, names("after", 5)).await;
    world.settled().await;
    assert_eq!(worker.lines_with(LOST).len(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_removed_under_a_stuck_lane_are_told_exactly_and_none_that_was_read_is_given_up() {
    retention_overtakes_a_stuck_lane("classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_removed_under_a_stuck_lane_are_told_exactly_under_the_consumer_protocol_too() {
    retention_overtakes_a_stuck_lane("consumer").await;
}
