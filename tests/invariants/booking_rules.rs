//! The rules that a hotel may ask for: no room twice for a night, no more guests than it holds.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::date;
use serde_json::{Value, json};

use crate::support::{Entry, Message, World, booking, cancellation, eventually};

const OVERLAP: (&str, &str) = ("BOOKING_OVERLAP", "refuse");
const CAPACITY: (&str, &str) = ("BOOKING_CAPACITY", "refuse");
const TAKEN: &str = "rejected:room_taken";

const OCEAN: &str = "room_ocean_001";
const GARDEN: &str = "room_garden_002";
const ATTIC: &str = "room_attic_003";

/// A booking of a room from some day after New Year's, for some nights.
fn stay(id: &str, room: &str, day: i32, nights: i32) -> Value {
    let start = date(2027, 1, 1).saturating_add(day.days());
    let end = start.saturating_add(nights.days());
    let mut event = booking(id);
    event["roomId"] = json!(room);
    event["startDate"] = json!(format!("{start}T15:00:00Z"));
    event["endDate"] = json!(format!("{end}T11:00:00Z"));
    event
}

fn with(mut event: Value, field: &str, value: Value) -> Value {
    event[field] = value;
    event
}

/// Each booking's status, by booking id.
async fn statuses(world: &World) -> Vec<(String, String)> {
    let sql = "SELECT booking_id, status FROM bookings WHERE booking_id IS NOT NULL ORDER BY booking_id";
    let rows = world.database.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The current outcome of a topic's only record about this booking.
async fn becomes(world: &World, topic: &str, subject: &str, verdict: &str) {
    eventually(verdict, async || {
        let ledger = world.ledger().await;
        let last = ledger.iter().rfind(|entry| entry.topic == topic && entry.subject == subject);
        let found = last.map(Entry::verdict);
        if found.as_deref() == Some(verdict) { Ok(Some(())) } else { Err(found) }
    })
    .await;
}

/// Another service's session in the middle of booking a room, 10 to 14 January.
async fn another_service_books(world: &World, room: i32) -> tokio_postgres::Client {
    let other = world.another_connection().await;
    let insert = format!(
        "BEGIN; INSERT INTO bookings (user_id, room_id, number_of_guests, start_date, end_date) \
         VALUES (2, {room}, 1, '2027-01-10', '2027-01-14')"
    );
    other.batch_execute(&insert).await.unwrap();
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_nobody_asked_for_refuse_nothing_and_wait_for_nobody() {
    let world = World::new(1).await;
    let other = another_service_books(&world, 1).await;
    let worker = world.worker();
    for id in ["b1", "b2"] {
        world.book(&with(stay(id, OCEAN, 10, 3), "guests", json!(99))).await;
    }
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted", "accepted"]);
    other.batch_execute("COMMIT").await.unwrap();
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_bookings_of_a_night_the_first_takes_the_room() {
    let world = World::new(1).await;
    let events = [
        (stay("z", OCEAN, 14, 3), "accepted"),
        (stay("a", OCEAN, 16, 3), TAKEN),
        (stay("begins_as_it_ends", OCEAN, 17, 2), "accepted"),
        (stay("ends_as_it_begins", OCEAN, 13, 1), "accepted"),
        (stay("other_room", GARDEN, 14, 3), "accepted"),
        (stay("around_all", OCEAN, 1, 300), TAKEN),
        (stay("z", OCEAN, 14, 3), "duplicate"),
        (stay("a", OCEAN, 16, 3), "duplicate"),
        (with(stay("a", OCEAN, 16, 3), "guests", json!(1)), "rejected:conflicting_booking"),
    ];
    // In one batch, and then once more against what stands.
    let (batch, mut expected): (Vec<Value>, Vec<&str>) = events.into_iter().unzip();
    world.produce_events(&world.bookings, 0, &batch).await;
    let worker = world.worker_with(&[OVERLAP]);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    let again = [&batch[0], &batch[1], &batch[8], &stay("b", OCEAN, 16, 1)].map(Value::clone);
    world.produce_events(&world.bookings, 0, &again).await;
    expected.extend(["duplicate", "duplicate", "rejected:conflicting_booking", TAKEN]);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, expected);

    // A refused booking cannot be cancelled; a cancelled one frees its room, a booking that stands frees none.
    world.cancel(&cancellation("a", "ana")).await;
    world.cancel(&cancellation("z", "ana")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, ["rejected:not_cancellable", "cancelled"]);
    // Still in the batch, what stands already takes no room: neither the cancelled nor the refused one.
    let last = [batch[0].clone(), batch[1].clone(), stay("c", OCEAN, 14, 3), stay("d", OCEAN, 12, 3)];
    world.produce_events(&world.bookings, 0, &last).await;
    expected.extend(["duplicate", "duplicate", "accepted", TAKEN]);
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, expected);

    let refused: Vec<String> = statuses(&world)
        .await
        .into_iter()
        .filter_map(|(id, status)| (status == "Refused").then_some(id))
        .collect();
    assert_eq!(refused, ["a", "around_all", "b", "d"]);
    let sql = "SELECT announcement FROM worker.ledger WHERE reason = 'room_taken' AND subject = 'b'";
    let told: &str = &world.database.query_one(sql, &[]).await.unwrap().get::<_, String>(0);
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told, json!({"bookingId": "b", "status": "Refused", "userId": "ana", "roomId": OCEAN}));
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_room_is_booked_twice_for_a_night_however_many_workers_race() {
    const PARTITIONS: i32 = 4;
    let world = World::new(PARTITIONS).await;
    let mut random = fastrand::Rng::with_seed(11);
    let rooms = [OCEAN, GARDEN, ATTIC];
    let mut messages = Vec::new();
    for number in 0..600 {
        let (room, partition) = (random.usize(0..3), random.i32(0..PARTITIONS));
        let event = stay(&format!("b{number}"), rooms[room], random.i32(0..200), random.i32(1..6));
        messages.push(Message::event(&event).partition(partition));
        // The same id elsewhere, for another room: one of the two is in the way of the other.
        if number % 10 == 0 {
            let contrary = with(event, "roomId", json!(rooms[(room + 1) % 3]));
            messages.push(Message::event(&contrary).partition((partition + 1) % PARTITIONS));
        }
    }
    world.produce_all(&world.bookings, &messages).await;
    let settings = [OVERLAP, ("BATCH_MAX_RECORDS", "20")];
    let workers = [world.worker_with(&settings), world.worker_with(&settings)];
    world.settled().await;

    let overlap = "a.room_id = b.room_id AND a.start_date < b.end_date AND b.start_date < a.end_date";
    let twice = format!(
        "SELECT a.booking_id, b.booking_id FROM bookings AS a JOIN bookings AS b \
         ON a.id < b.id AND a.status = 'Accepted' AND b.status = 'Accepted' AND {overlap}"
    );
    assert_eq!(world.database.query(&twice, &[]).await.unwrap().len(), 0, "a room was booked twice");
    let needless = format!(
        "SELECT a.booking_id FROM bookings AS a WHERE status = 'Refused' AND NOT EXISTS \
         (SELECT FROM bookings AS b WHERE b.status = 'Accepted' AND {overlap})"
    );
    assert_eq!(world.database.query(&needless, &[]).await.unwrap().len(), 0, "refused for nobody's sake");
    let disagree = "SELECT FROM bookings FULL JOIN \
         (SELECT * FROM worker.ledger WHERE outcome = 'accepted' OR reason = 'room_taken') AS ledger \
         ON subject = booking_id \
         WHERE status IS DISTINCT FROM CASE outcome WHEN 'accepted' THEN 'Accepted' ELSE 'Refused' END";
    assert_eq!(world.database.query(disagree, &[]).await.unwrap().len(), 0, "row and ledger disagree");

    let ledger = world.ledger().await;
    let places = |verdict: &str| -> BTreeSet<i32> {
        ledger.iter().filter(|entry| entry.verdict() == verdict).map(|entry| entry.partition).collect()
    };
    assert_eq!((places("accepted").len(), places(TAKEN).len()), (4, 4), "the partitions were meant to race");
    world.assert_consistent().await;
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_another_service_is_about_to_make_is_waited_for_and_counts() {
    let world = World::new(2).await;
    let commits = another_service_books(&world, 1).await;
    let rolls_back = another_service_books(&world, 2).await;
    let worker = world.worker_with(&[OVERLAP]);
    world.produce_events(&world.bookings, 0, &[stay("late", OCEAN, 12, 1)]).await;
    world.produce_events(&world.bookings, 1, &[stay("lucky", GARDEN, 12, 1)]).await;
    world.transactions_wait(2).await;
    commits.batch_execute("COMMIT").await.unwrap();
    rolls_back.batch_execute("ROLLBACK").await.unwrap();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, [TAKEN, "accepted"]);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_for_a_booking_that_turns_out_to_stand_in_another_room() {
    let world = World::new(1).await;
    let other = world.another_connection().await;
    let same_id = "BEGIN; INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date) \
         VALUES ('elsewhere', 1, 2, 2, '2027-01-11', '2027-01-14')";
    other.batch_execute(same_id).await.unwrap();
    let both = [stay("elsewhere", OCEAN, 10, 3), stay("lucky", OCEAN, 10, 3)];
    world.produce_events(&world.bookings, 0, &both).await;
    let mut worker = world.worker_with(&[OVERLAP]);
    // Its room is locked and found free; its id is not yet known to be given away.
    world.transactions_wait(1).await;
    other.batch_execute("COMMIT").await.unwrap();
    worker.said("lane paused; it retries until this passes, and nothing is lost").await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["rejected:conflicting_booking", "accepted"]);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_guests_than_the_rooms_capacity_are_refused_and_take_no_room() {
    let world = World::new(1).await;
    world.database.batch_execute("UPDATE rooms SET capacity = NULL WHERE id = 3").await.unwrap();
    let guests = |event: Value, guests: i32| with(event, "guests", json!(guests));
    let worker = world.worker_with(&[CAPACITY]);
    let events = [
        guests(stay("full", OCEAN, 1, 3), 4),
        guests(stay("over", OCEAN, 1, 3), 5),
        guests(stay("no_limit", ATTIC, 1, 3), 1000),
        guests(stay("over", OCEAN, 1, 3), 5),
        guests(stay("over", OCEAN, 1, 3), 4),
    ];
    world.produce_events(&world.bookings, 0, &events).await;
    world.settled().await;
    let (over, conflicting) = ("rejected:over_capacity", "rejected:conflicting_booking");
    let mut expected = vec!["accepted", over, "accepted", "duplicate", conflicting];
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    worker.stop().await;

    let worker = world.worker_with(&[CAPACITY, OVERLAP]);
    let events = [
        guests(stay("both", OCEAN, 1, 3), 5),
        guests(stay("over_2", GARDEN, 1, 3), 3),
        guests(stay("free", GARDEN, 1, 3), 2),
    ];
    world.produce_events(&world.bookings, 0, &events).await;
    world.settled().await;
    expected.extend([over, over, "accepted"]);
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    let refused: Vec<String> = statuses(&world)
        .await
        .into_iter()
        .filter_map(|(id, status)| (status == "Refused").then_some(id))
        .collect();
    assert_eq!(refused, ["both", "over", "over_2"]);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_booking_obeys_the_rules_when_it_is_tried_again() {
    let world = World::new(1).await;
    let worker =
        world.worker_with(&[OVERLAP, CAPACITY, ("HELD_BACKOFF_MIN", "10ms"), ("HELD_BACKOFF_MAX", "50ms")]);
    let of_nobody = |event: Value| with(event, "userId", json!("dora"));
    world.book(&of_nobody(stay("late", OCEAN, 10, 3))).await;
    world.book(&of_nobody(with(stay("over", GARDEN, 10, 3), "guests", json!(3)))).await;
    world.book(&of_nobody(stay("free", GARDEN, 10, 3))).await;
    world.book(&stay("first", OCEAN, 10, 3)).await;
    world.cancel(&cancellation("late", "dora")).await;
    world.settled().await;
    let dora = "INSERT INTO users (email, username) VALUES ('dora@example.com', 'dora')";
    world.database.batch_execute(dora).await.unwrap();
    becomes(&world, &world.bookings, "late", TAKEN).await;
    becomes(&world, &world.bookings, "over", "rejected:over_capacity").await;
    becomes(&world, &world.bookings, "free", "accepted").await;
    becomes(&world, &world.cancellations, "late", "rejected:not_cancellable").await;
    let expected = [("first", "Accepted"), ("free", "Accepted"), ("late", "Refused"), ("over", "Refused")];
    let expected = expected.map(|(id, status)| (id.to_owned(), status.to_owned()));
    assert_eq!(statuses(&world).await, expected);
    assert_eq!(world.held().await, []);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_waits_for_its_booking_hears_at_once_that_it_was_refused() {
    let world = World::new(1).await;
    // By itself the cancellation would be tried again after an hour.
    let worker = world.worker_with(&[OVERLAP]);
    world.cancel(&cancellation("late", "ana")).await;
    world.book(&stay("first", OCEAN, 10, 3)).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, ["held:unknown_booking"]);
    world.book(&stay("late", OCEAN, 10, 3)).await;
    becomes(&world, &world.cancellations, "late", "rejected:not_cancellable").await;
    worker.stop().await;
}
