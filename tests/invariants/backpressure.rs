//! Queues that are full: nothing is lost or read twice over the pauses, and no other lane waits.

use serde_json::Value;

use crate::support::{World, booking, booking_of, cancellation, eventually, names};

const PAUSED: &str = "the lane's queue is full; the partition is paused";
const DEBUG: (&str, &str) = ("RUST_LOG", "info,worker::intake=debug");

/// A first record that waits for user `bo`, and more behind it than a queue holds.
fn many(partition: i32, count: usize) -> Vec<Value> {
    let mut events = vec![booking_of("bo", &format!("first-{partition}"))];
    events.resize(count, booking(&format!("again-{partition}")));
    events
}

/// How many records have been applied.
async fn applied(world: &World) -> i64 {
    world.positions().await.iter().map(|(_, _, next)| next).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_is_full_again_and_again_loses_nothing_over_the_pauses() {
    let world = World::new(2).await;
    for partition in 0..2 {
        world.produce_events(&world.bookings, partition, &many(partition, 12_000)).await;
    }
    // Small batches, so that the topic outlasts the story.
    let mut worker = world.worker_with(&[DEBUG, ("BATCH_MAX_RECORDS", "20")]);
    worker.begins(4).await;
    let mut pauses = 0;
    for _ in 0..3 {
        let lock = world.lock_ledger().await;
        // It may have been full when the lock came.
        pauses = eventually("a lane to be full again", async || {
            let found = worker.lines_with(PAUSED).len();
            Ok::<_, ()>((found > pauses).then_some(found))
        })
        .await;
        let stuck = applied(&world).await;
        lock.release().await;
        // More than half of what the queues hold: then they are filled again.
        eventually("the lanes to go on", async || {
            let now = applied(&world).await;
            if now > stuck + 3000 { Ok(Some(())) } else { Err(now) }
        })
        .await;
    }
    world.each_record_is_recorded_once().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_is_stuck_and_full_stops_no_other() {
    let world = World::new(2).await;
    let mut worker = world.worker_with(&[DEBUG]);
    worker.begins(4).await;
    let lock = world.lock_user("bo").await;
    world.produce_events(&world.bookings, 0, &many(0, 8000)).await;
    worker.said(PAUSED).await;
    let end = world.book_all(1, names("beside", 3000)).await;
    world.cancel(&cancellation("nobody", "ana")).await;
    eventually("the other lanes to go on", async || {
        let positions = world.positions().await;
        let beside = (world.bookings.clone(), 1, end);
        let cancelled = world.verdicts(&world.cancellations).await.len() == 1;
        if cancelled && positions.contains(&beside) { Ok(Some(())) } else { Err(positions) }
    })
    .await;
    assert!(world.positions().await.contains(&(world.bookings.clone(), 0, 0)), "it was not stuck");
    lock.release().await;
    world.each_record_is_recorded_once().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_handed_over_while_it_is_full_is_read_on_by_its_new_owner() {
    let world = World::new(2).await;
    let mut first = world.worker_with(&[DEBUG]);
    first.begins(4).await;
    let lock = world.lock_user("bo").await;
    for partition in 0..2 {
        world.produce_events(&world.bookings, partition, &many(partition, 8000)).await;
    }
    world.transactions_wait(2).await;
    eventually("both lanes to be full", async || {
        Ok::<_, ()>((first.lines_with(PAUSED).len() >= 2).then_some(()))
    })
    .await;
    let mut second = world.worker();
    second.said("partitions assigned").await;
    lock.release().await;
    world.shared_among(&[&first, &second]).await;
    world.each_record_is_recorded_once().await;
    first.stop().await;
    second.stop().await;
}
