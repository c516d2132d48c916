//! Records that were set aside come back by themselves, each subject's in the order in which they came.

mod crash;
mod orders;

use serde_json::{Value, json};

use crate::support::{Entry, Message, World, booking, cancellation, eventually};

/// Waits so short that a test need not.
const IMPATIENT: [(&str, &str); 2] = [("HELD_BACKOFF_MIN", "10ms"), ("HELD_BACKOFF_MAX", "50ms")];

fn with(id: &str, field: &str, value: impl Into<Value>) -> Value {
    let mut event = booking(id);
    event[field] = value.into();
    event
}

impl World {
    async fn add_user(&self, name: &str) {
        let sql = "INSERT INTO users (email, username) VALUES ($1 || '@example.com', $1)";
        self.database.execute(sql, &[&name]).await.unwrap();
    }

    /// Waits until nothing waits any more.
    async fn nothing_waits(&self) {
        let sql = "SELECT count(*) FROM worker.held WHERE group_id = $1 AND status = 'waiting'";
        eventually("the waiting records to be done", async || {
            let waiting: i64 = self.database.query_one(sql, &[&self.group]).await.unwrap().get(0);
            if waiting == 0 { Ok(Some(())) } else { Err(waiting) }
        })
        .await;
    }

    /// All outcomes of one topic's records, revision by revision.
    async fn story(&self, topic: &str) -> Vec<(i64, String)> {
        let of = |entry: &Entry| (entry.topic == topic).then(|| (entry.offset, entry.verdict()));
        self.ledger().await.iter().filter_map(of).collect()
    }
}

fn story(outcomes: &[(i64, &str)]) -> Vec<(i64, String)> {
    outcomes.iter().map(|(offset, verdict)| (*offset, (*verdict).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_appears_wakes_the_cancellation_that_came_first() {
    let world = World::new(1).await;
    // It would wait for an hour.
    let worker = world.worker();
    world.cancel(&cancellation("b1", "ana")).await;
    world.cancel(&cancellation("b2", "ana")).await;
    world.settled().await;
    world.book(&booking("b1")).await;
    world.settled().await;
    world.nothing_is_due().await;
    let expected = story(&[(0, "held:unknown_booking"), (0, "cancelled"), (1, "held:unknown_booking")]);
    assert_eq!(world.story(&world.cancellations).await, expected);
    assert_eq!(world.story(&world.bookings).await, story(&[(0, "accepted")]));
    let waiting: Vec<String> = world.held().await.into_iter().map(|held| held.subject).collect();
    assert_eq!(waiting, ["b2"]);
    world.assert_consistent().await;
    let lines = worker.stop().await;
    let said = lines.iter().filter(|line| line["msg"] == "booking cancelled" && line["bookingId"] == "b1");
    assert_eq!(said.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_a_create_that_waits_queues_behind_it_and_other_bookings_flow() {
    let world = World::new(1).await;
    let worker = world.worker_with(&IMPATIENT);
    world.book(&with("b1", "userId", "late")).await;
    world.settled().await;
    world.book(&booking("b1")).await;
    world.cancel(&cancellation("b1", "bo")).await;
    world.cancel(&cancellation("b1", "late")).await;
    world.book(&booking("b2")).await;
    world.settled().await;
    world.cancel(&cancellation("b2", "ana")).await;
    world.book(&with("b1", "userId", "late")).await;
    world.settled().await;
    eventually("the first to have been tried some times", async || {
        let tried = world.held().await.iter().any(|held| held.subject == "b1" && held.attempts > 3);
        Ok::<_, ()>(tried.then_some(()))
    })
    .await;
    // Not one of them has overtaken it.
    let held: Vec<(String, String)> =
        world.held().await.into_iter().map(|held| (held.subject, held.reason)).collect();
    let of = |reason: &str| held.iter().filter(|(_, found)| found == reason).count();
    assert_eq!((held.len(), of("unknown_user"), of("queued")), (5, 1, 4), "{held:?}");

    world.add_user("late").await;
    world.nothing_waits().await;
    let expected = [
        (0, "held:unknown_user"),
        (0, "accepted"),
        (1, "held:queued"),
        (1, "rejected:conflicting_booking"),
        (2, "accepted"),
        (3, "held:queued"),
        (3, "duplicate"),
    ];
    assert_eq!(world.story(&world.bookings).await, story(&expected));
    let expected = [
        (0, "held:queued"),
        (0, "rejected:not_owner"),
        (1, "held:queued"),
        (1, "cancelled"),
        (2, "cancelled"),
    ];
    assert_eq!(world.story(&world.cancellations).await, story(&expected));
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_waits_too_long_is_dead_with_its_history_and_lets_go_what_queued_behind_it() {
    let world = World::new(1).await;
    let worker = world.worker_with(&IMPATIENT);
    world.book(&with("b1", "roomId", "nowhere")).await;
    world.settled().await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.book(&booking("b1")).await;
    world.settled().await;
    worker.stop().await;
    // Less patient only now that all three wait.
    let worker = world.worker_with(&[IMPATIENT[0], IMPATIENT[1], ("HELD_MAX_AGE", "1s")]);
    world.nothing_waits().await;
    let expected =
        [(0, "held:unknown_room"), (0, "dead:waited_too_long"), (1, "held:queued"), (1, "accepted")];
    assert_eq!(world.story(&world.bookings).await, story(&expected));
    assert_eq!(world.story(&world.cancellations).await.last().unwrap().1, "cancelled");
    let held = world.held().await;
    assert_eq!((held.len(), &*held[0].status, &*held[0].reason), (1, "dead", "waited_too_long"));
    let ledger = world.ledger().await;
    let dead = ledger.iter().find(|entry| entry.outcome == "dead").unwrap();
    assert!(dead.detail.as_ref().unwrap().contains("unknown_room"), "{dead:?}");
    world.assert_consistent().await;
    let lines = worker.stop().await;
    let said = lines.iter().find(|line| line["outcome"] == "dead").unwrap();
    assert_eq!((&said["level"], &said["reason"]), (&json!("ERROR"), &json!("waited_too_long")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_workers_share_the_waiting_records_and_each_is_applied_once() {
    const COUNT: usize = 400;
    let world = World::new(4).await;
    let workers =
        [world.worker_with(&IMPATIENT), world.worker_with(&IMPATIENT), world.worker_with(&IMPATIENT)];
    let messages: Vec<Message> = (0..COUNT)
        .flat_map(|number| {
            let id = format!("b{number}");
            [Message::event(&with(&id, "userId", "late")), Message::event(&with(&id, "userId", "late"))]
        })
        .collect();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    world.add_user("late").await;
    world.nothing_waits().await;
    let ledger = world.ledger().await;
    let count = |verdict: &str| ledger.iter().filter(|entry| entry.verdict() == verdict).count();
    assert_eq!((count("accepted"), count("duplicate")), (COUNT, COUNT));
    assert_eq!(world.bookings_made().await, i64::try_from(COUNT).unwrap());
    world.assert_consistent().await;
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_record_that_postgresql_refuses_is_dead_and_its_neighbours_are_applied() {
    let world = World::new(1).await;
    let refusal = "ALTER TABLE public.bookings ADD CONSTRAINT no_thirteen CHECK (number_of_guests <> 13)";
    world.database.batch_execute(refusal).await.unwrap();
    let worker = world.worker_with(&IMPATIENT);
    let messages: Vec<Message> = (0..20)
        .map(|number| {
            let mut event = with(&format!("b{number}"), "userId", "late");
            event["guests"] = json!(if number % 7 == 3 { 13 } else { 1 });
            Message::event(&event)
        })
        .collect();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    world.add_user("late").await;
    world.nothing_waits().await;
    let ledger = world.ledger().await;
    let count = |verdict: &str| ledger.iter().filter(|entry| entry.verdict() == verdict).count();
    assert_eq!((count("accepted"), count("dead:refused_by_database")), (17, 3));
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_waiting_records_are_tried_in_bounded_memory() {
    const COUNT: i64 = 30_000;
    let world = World::new(1).await;
    let sql = "INSERT INTO worker.held (group_id, topic, partition, record_offset, payload, subject, reason, \
               status, next_attempt_at, holds_back) \
               SELECT $1, $2, 0, n, convert_to('{\"bookingId\":\"b' || n || '\",\"userId\":\"ana\",\"timestamp\":\
               \"2027-01-01T10:30:00Z\",\"note\":\"' || repeat('x', 500) || '\"}', 'UTF8'), 'b' || n, \
               'unknown_booking', 'waiting', now(), false FROM generate_series(1, $3::bigint) AS n";
    world.database.execute(sql, &[&world.group, &world.cancellations, &COUNT]).await.unwrap();
    let worker = world.worker();
    world.book(&booking("live")).await;
    world.settled().await;
    world.nothing_is_due().await;
    let sql = "SELECT count(*) FROM worker.held WHERE attempts = 1";
    assert_eq!(world.database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), COUNT);
    assert!(worker.peak_memory() < 80 << 20, "{} bytes", worker.peak_memory());
    worker.stop().await;
}
