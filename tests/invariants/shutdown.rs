//! Signals: in order on the first, at once on the second, and nothing is lost in either.

use std::time::Duration;

use stack::{Signal, port};

use crate::support::{Stop, Worker, World, booking_of, cancellation, names};

/// The default of `SHUTDOWN_GRACE`.
const GRACE: Duration = Duration::from_secs(30);
const STOPPING: &str = "stopping: no more records are taken, batches in flight finish";

/// Nobody's session ends while a test waits: what is taken over is taken over because its owner left.
const PATIENT: (&str, &str) = ("KAFKA_PROPERTIES", "session.timeout.ms=300000\nheartbeat.interval.ms=300");

/// Stops a worker under load by this signal; checks that it ends in order and leaves nothing half done.
async fn ends_in_order_on(signal: Signal) {
    let world = World::new(3).await;
    let mut worker = world.worker();
    let stop = Stop::default();
    let story = async {
        worker.applies().await;
        worker.signal(signal);
        assert_eq!(worker.ended_within(GRACE).await.code(), Some(0), "{}", worker.text());
        // The load goes on: what is compared was read before the end.
        for (topic, partition, next) in world.positions().await {
            let committed = world.committed(&topic).await[usize::try_from(partition).unwrap()];
            assert_eq!(committed, Some(next), "{topic}/{partition}");
        }
        stop.set();
    };
    tokio::join!(world.load(&stop), story);
    assert_eq!(worker.lines_with("stopped").len(), 1);
    let applied = worker.lines().iter().filter(|line| !line["outcome"].is_null()).count();
    assert_eq!(
        applied,
        world.ledger().await.len(),
        "an outcome without its log line, or the other way round"
    );
    let again = world.worker();
    world.each_record_is_recorded_once().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_finishes_batches_in_flight_and_tells_kafka_all_of_them() {
    ends_in_order_on(Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigint_does_what_sigterm_does() {
    ends_in_order_on(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stops_leaves_the_group_and_another_takes_over_at_once() {
    let world = World::new(3).await;
    let mut leaves = world.worker_with(&[PATIENT]);
    leaves.begins(6).await;
    let stays = world.worker_with(&[PATIENT]);
    world.shared_among(&[&leaves, &stays]).await;
    leaves.stop().await;
    world.shared_among(&[&stays]).await;
    for partition in 0..3 {
        world.book_all(partition, names(&format!("after-{partition}"), 5)).await;
    }
    world.each_record_is_recorded_once().await;
    stays.stop().await;
}

/// A world whose only worker has a batch in flight that waits for a lock.
async fn stuck(settings: &[(&str, &str)]) -> (World, Worker, crate::support::Lock) {
    let world = World::new(1).await;
    let mut worker = world.worker_with(settings);
    worker.begins(2).await;
    let lock = world.lock_user("bo").await;
    world.cancel(&cancellation("nobody", "ana")).await;
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "in-flight")]).await;
    world.transactions_wait(1).await;
    world.book_all(0, names("behind", 5)).await;
    (world, worker, lock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_worker_at_once_and_nothing_is_lost() {
    let (world, mut worker, lock) = stuck(&[]).await;
    worker.signal(Signal::TERM);
    worker.said(STOPPING).await;
    assert_eq!(worker.exited(), None, "it waits for its batch");
    worker.signal(Signal::INT);
    assert_eq!(worker.ended_within(GRACE).await.code(), Some(1), "{}", worker.text());
    assert_eq!(worker.lines().last().unwrap()["level"], "WARN", "the last line was lost");
    lock.release().await;
    let again = world.worker();
    world.each_record_is_recorded_once().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_outlasts_the_grace_holds_up_neither_the_end_nor_the_group_and_is_not_lost() {
    let (world, mut worker, lock) = stuck(&[("SHUTDOWN_GRACE", "5s"), PATIENT]).await;
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended_within(GRACE).await.code(), Some(0), "{}", worker.text());
    lock.release().await;
    let again = world.worker_with(&[PATIENT]);
    world.each_record_is_recorded_once().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_waits_for_kafka_or_postgresql_says_so_once_and_stops_when_asked() {
    let world = World::new(1).await;
    let nobody = port::free().unwrap();
    for (name, value, waits) in [
        ("KAFKA_BROKERS", format!("127.0.0.1:{nobody}"), "waiting for Kafka"),
        ("DB_PORT", nobody.to_string(), "waiting for PostgreSQL"),
    ] {
        let mut worker = world.worker_with(&[(name, &value)]);
        worker.said(waits).await;
        worker.signal(Signal::TERM);
        assert_eq!(worker.ended_within(GRACE).await.code(), Some(0), "{}", worker.text());
        assert_eq!(worker.lines_with(waits).len(), 1);
    }
}
