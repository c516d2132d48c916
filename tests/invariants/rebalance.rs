//! Workers that join, leave and die: each record is recorded once, whoever has its partition.

use std::time::Duration;

use stack::Signal;

use crate::support::{Stop, Worker, World, booking, booking_of, cancellation, eventually, names};

/// Dead members are noticed within seconds; the worker's own ten would only make the tests longer.
const QUICK: (&str, &str) = ("KAFKA_PROPERTIES", "session.timeout.ms=3000\nheartbeat.interval.ms=300");

/// What the database's fence makes a worker say.
const FENCED: &str = "another worker has moved the position on; reading it again";

/// The longest that a worker may take to end as asked.
const GRACE: Duration = Duration::from_secs(35);

/// Two and three workers share the partitions of a topic under load; they leave in order and they are killed.
async fn workers_come_and_go(settings: &[(&str, &str)]) {
    let world = World::new(6).await;
    let stop = Stop::default();
    let story = async {
        let mut first = world.worker_with(settings);
        first.applies().await;
        let mut second = world.worker_with(settings);
        second.applies().await;
        world.shared_among(&[&first, &second]).await;
        let mut third = world.worker_with(settings);
        third.applies().await;
        world.shared_among(&[&first, &second, &third]).await;
        first.signal(Signal::TERM);
        assert_eq!(first.ended_within(GRACE).await.code(), Some(0), "{}", first.text());
        world.shared_among(&[&second, &third]).await;
        second.kill().await;
        let mut fourth = world.worker_with(settings);
        fourth.applies().await;
        world.shared_among(&[&third, &fourth]).await;
        stop.set();
        [third, fourth]
    };
    let ((), compared, last) = tokio::join!(world.load(&stop), world.watch_kafkas_offset(&stop), story);
    world.each_record_is_recorded_once().await;
    assert!(compared > 0, "Kafka's offset was never looked at");
    for worker in last {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_recorded_once_while_workers_come_and_go() {
    workers_come_and_go(&[QUICK]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_recorded_once_under_the_consumer_protocol() {
    workers_come_and_go(&[("KAFKA_GROUP_PROTOCOL", "consumer")]).await;
}

/// Holds every batch up for as long as the test holds the advisory lock. For any other lock the worker's sessions wait
/// ten seconds, and a second worker may take longer to join; here only their limit for a statement counts, 30 seconds.
const HELD_UP: &str = "
    CREATE FUNCTION held_up() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0
        AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
    CREATE TRIGGER held_up BEFORE INSERT ON worker.ledger FOR EACH STATEMENT EXECUTE FUNCTION held_up();";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_in_flight_is_finished_before_its_partition_is_handed_over() {
    let world = World::new(3).await;
    world.database.batch_execute(HELD_UP).await.unwrap();
    let settings = [QUICK, ("DB_POOL_SIZE", "8")];
    let mut first = world.worker_with(&settings);
    first.begins(6).await;
    let holder = world.another_connection().await;
    holder.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
    for partition in 0..3 {
        for topic in [&world.bookings, &world.cancellations] {
            world.produce_events(topic, partition, &[booking(&format!("slow-{partition}"))]).await;
        }
    }
    world.transactions_wait(6).await;
    let mut second = world.worker_with(&settings);
    // The second one's first share is empty: the first has been told by then what to give away, and waits for
    // its batches.
    second.said("partitions assigned").await;
    assert_eq!(second.partitions().len(), 0, "handed over before the batches had ended");
    holder.batch_execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    world.shared_among(&[&first, &second]).await;
    world.each_record_is_recorded_once().await;
    let handed_over = second.partitions().len();
    for (place, offset) in second.begins(handed_over).await {
        assert_eq!(offset, 1, "{place:?} was handed over before its batch had ended");
    }
    assert!(first.lines().iter().filter(|line| !line["outcome"].is_null()).count() == 6);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_member_that_is_killed_and_restarted_finds_its_partitions_waiting() {
    let world = World::new(2).await;
    let properties = |name: &str| {
        // Far longer than the test waits: what comes back sooner does not come through a time-out.
        format!("group.instance.id={name}\nsession.timeout.ms=120000\nheartbeat.interval.ms=300")
    };
    let start = |name: &str| world.worker_with(&[("KAFKA_PROPERTIES", &properties(name))]);
    let mut first = start("worker-0");
    first.begins(4).await;
    // It joins a group that stands, so that its share is its last.
    let second = start("worker-1");
    world.shared_among(&[&first, &second]).await;
    let share = first.partitions();
    let rebalances =
        || ["partitions assigned", "partitions revoked"].map(|line| second.lines_with(line).len());
    let undisturbed = rebalances();
    first.kill().await;
    for partition in 0..2 {
        world.book_all(partition, names(&format!("meanwhile-{partition}"), 5)).await;
    }
    let mut again = start("worker-0");
    again.begins(share.len()).await;
    assert_eq!(again.partitions(), share);
    world.each_record_is_recorded_once().await;
    assert_eq!(rebalances(), undisturbed, "the other was disturbed");
    again.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_workers_with_one_instance_id_the_older_one_ends_and_says_so() {
    let world = World::new(1).await;
    let properties = [("KAFKA_PROPERTIES", "group.instance.id=worker-0\nheartbeat.interval.ms=300")];
    let mut older = world.worker_with(&properties);
    older.begins(2).await;
    let mut newer = world.worker_with(&properties);
    newer.begins(2).await;
    let status = older.ended_within(GRACE).await;
    assert_eq!(status.code(), Some(1), "{}", older.text());
    let text = older.text();
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("worker: ") && last.contains("group.instance.id"), "{last}");
    world.book_all(0, names("after", 5)).await;
    world.each_record_is_recorded_once().await;
    newer.stop().await;
}

/// Whether a worker was fenced by the database, or noticed that its partitions are another's.
fn knows_that_it_was_left_behind(worker: &Worker) -> bool {
    let lost = |line: &serde_json::Value| line["lost"] == true;
    !worker.lines_with(FENCED).is_empty() || worker.lines_with("partitions revoked").iter().any(lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_slept_while_its_partitions_moved_on_does_no_harm() {
    let world = World::new(1).await;
    // One connection: the cancellations wait in memory for it, while the booking holds it and waits for a lock.
    let mut sleeper = world.worker_with(&[QUICK, ("DB_POOL_SIZE", "1")]);
    sleeper.begins(2).await;
    let lock = world.lock_user("bo").await;
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "slow")]).await;
    let transactions = world.transactions_wait(1).await;
    for name in names("nobody", 20) {
        world.cancel(&cancellation(&name, "ana")).await;
    }
    sleeper.signal(Signal::STOP);
    // Its transaction goes with its connection, as on a server that notices a dead client.
    world.database.execute("SELECT pg_terminate_backend($1)", &[&transactions[0]]).await.unwrap();
    let mut other = world.worker_with(&[QUICK]);
    other.begins(2).await;
    lock.release().await;
    world.settled().await;
    world.book_all(0, names("later", 20)).await;
    world.settled().await;
    sleeper.signal(Signal::CONT);
    eventually("the sleeper to notice", async || {
        Ok::<_, ()>(knows_that_it_was_left_behind(&sleeper).then_some(()))
    })
    .await;
    world.shared_among(&[&sleeper, &other]).await;
    world.book_all(0, names("together", 20)).await;
    world.each_record_is_recorded_once().await;
    sleeper.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_slept_in_its_transaction_may_end_it_and_the_new_owner_gives_way() {
    let world = World::new(1).await;
    let mut sleeper = world.worker_with(&[QUICK]);
    sleeper.begins(2).await;
    let lock = world.lock_user("bo").await;
    world.produce_events(&world.bookings, 0, &[booking_of("bo", "slow")]).await;
    world.transactions_wait(1).await;
    sleeper.signal(Signal::STOP);
    lock.release().await;
    let mut other = world.worker_with(&[QUICK]);
    other.begins(2).await;
    // The same booking, which the sleeper has stored and not committed.
    world.transactions_wait(1).await;
    sleeper.signal(Signal::CONT);
    other.said(FENCED).await;
    world.shared_among(&[&sleeper, &other]).await;
    world.book_all(0, names("together", 20)).await;
    world.each_record_is_recorded_once().await;
    assert_eq!(sleeper.lines_with("booking accepted")[0]["bookingId"], "slow");
    sleeper.stop().await;
    other.stop().await;
}
