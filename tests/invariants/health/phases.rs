//! A worker that stops: not ready any more, and alive until it has ended.

use stack::Signal;

use crate::support::{World, booking_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_is_not_ready_and_lives_while_it_finishes() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.is_ready().await;
    let lock = world.lock_user("bo").await;
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "in-flight")]).await;
    world.transactions_wait(1).await;
    worker.signal(Signal::TERM);
    worker.is_unready(&["stopping"]).await;
    worker.lives().await;
    lock.release().await;
    let status = worker.ended_within(std::time::Duration::from_secs(35)).await;
    assert!(status.success(), "{}", worker.text());
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
}
