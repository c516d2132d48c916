//! Other sessions in the way: held locks and deadlocks.

use crate::support::compare::until;
use crate::support::{World, booking, booking_of};

const PAUSED: &str = "lane paused; it retries until this passes, and nothing is lost";
const RESUMED: &str = "lane resumed";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_lock_pauses_its_lane_alone_and_makes_nothing_dead() {
    let world = World::new(2).await;
    let lock = world.lock_user("bo").await;
    let mut worker = world.worker();
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "locked")]).await;
    world.transactions_wait(1).await;
    for round in 1..=5 {
        world.book_all(1, [format!("free_{round}")]).await;
        until("the other lane to go on", async || world.applied().await == round).await;
    }
    let line = worker.said(PAUSED).await;
    assert!(line["error"].as_str().unwrap().contains("55P03"), "{line}");
    assert_eq!((&line["partition"], &line["offset"]), (&0.into(), &0.into()));
    assert_eq!(world.applied().await, 5);
    lock.release().await;
    worker.said(RESUMED).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 6]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_victim_of_a_deadlock_tries_again() {
    let world = World::new(1).await;
    let patience = format!("ALTER DATABASE {} SET deadlock_timeout = '6s'", world.database_name);
    world.database.batch_execute(&patience).await.unwrap();
    let other = world.another_connection().await;
    // The worker looks for a deadlock once, after six seconds, this session never: the worker is the victim.
    let wait = "SET deadlock_timeout = '10min'; BEGIN; SELECT FROM rooms WHERE id = 1 FOR UPDATE";
    other.batch_execute(wait).await.unwrap();
    let mut worker = world.worker();
    world.book(&booking("b1")).await;
    // It has inserted the booking and waits for its room; this session waits for the booking's id.
    world.transactions_wait(1).await;
    let same = "INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date) \
                VALUES ('b1', 1, 1, 1, '2027-01-01', '2027-01-02')";
    other.batch_execute(same).await.unwrap();
    let line = worker.said(PAUSED).await;
    assert!(line["error"].as_str().unwrap().contains("40P01"), "{line}");
    other.batch_execute("ROLLBACK").await.unwrap();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_a_stuck_lane_still_leaves_its_group_when_it_stops() {
    let world = World::new(2).await;
    // Nobody's session ends while the test waits.
    let settings = [
        ("SHUTDOWN_GRACE", "6s"),
        ("KAFKA_PROPERTIES", "session.timeout.ms=300000\nheartbeat.interval.ms=300"),
    ];
    let worker = world.worker_with(&settings);
    let lock = world.lock_user("bo").await;
    let end = world.book_all(1, ["free".to_owned()]).await;
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "locked")]).await;
    world.transactions_wait(1).await;
    until("the other lane to go on", async || world.applied().await == end).await;
    worker.stop().await;
    assert_eq!(world.committed(&world.bookings).await[1], Some(end));
    lock.release().await;
    let next = world.worker_with(&settings);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
    next.stop().await;
}
