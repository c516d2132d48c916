//! A worker that dies while it tries again leaves every record as it was, or done.

use super::{IMPATIENT, with};
use crate::support::{Entry, Message, World, booking, cancellation};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_in_mid_retry_leaves_the_record_as_it_was() {
    let world = World::new(1).await;
    let mut worker = world.worker_with(&IMPATIENT);
    world.book(&with("b1", "userId", "late")).await;
    world.cancel(&cancellation("b1", "late")).await;
    world.settled().await;
    // The retry finds its user, and waits for the ledger.
    let lock = world.lock_ledger().await;
    world.add_user("late").await;
    world.transactions_wait(1).await;
    worker.kill().await;
    lock.release().await;
    let first: Vec<String> = world.ledger().await.iter().map(Entry::verdict).collect();
    assert!(first.iter().all(|verdict| verdict.starts_with("held:")), "{first:?}");
    assert_eq!(world.bookings_made().await, 0);
    let worker = world.worker_with(&IMPATIENT);
    world.nothing_waits().await;
    assert_eq!(world.story(&world.bookings).await.last().unwrap().1, "accepted");
    assert_eq!(world.story(&world.cancellations).await.last().unwrap().1, "cancelled");
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_of_the_retries_lose_and_double_nothing() {
    const COUNT: usize = 300;
    let world = World::new(2).await;
    let messages: Vec<Message> =
        (0..COUNT).map(|number| Message::event(&cancellation(&format!("b{number}"), "ana"))).collect();
    world.produce_all(&world.cancellations, &messages).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    // The bookings come a few at a time; each wakes its cancellation, under one worker or the next.
    let numbers: Vec<usize> = (0..COUNT).collect();
    for chunk in numbers.chunks(COUNT / 10) {
        let messages: Vec<Message> =
            chunk.iter().map(|number| Message::event(&booking(&format!("b{number}")))).collect();
        let mut worker = world.worker_with(&[IMPATIENT[0], IMPATIENT[1], ("BATCH_MAX_RECORDS", "3")]);
        world.produce_all(&world.bookings, &messages).await;
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(100..900))).await;
        worker.kill().await;
    }
    let worker = world.worker_with(&IMPATIENT);
    world.settled().await;
    world.nothing_waits().await;
    let cancelled = world.ledger().await.iter().filter(|entry| entry.outcome == "cancelled").count();
    assert_eq!((cancelled, world.bookings_made().await), (COUNT, i64::try_from(COUNT).unwrap()));
    world.assert_consistent().await;
    worker.stop().await;
}
