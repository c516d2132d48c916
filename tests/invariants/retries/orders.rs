//! Whatever the order in which a booking's records arrive, and whenever what they name becomes known, the same
//! table stands in the end.

use super::{IMPATIENT, story, with};
use crate::support::{Message, World, booking, cancellation, eventually};

/// Nothing is tried in its own time.
const PATIENT: [(&str, &str); 2] = [("HELD_BACKOFF_MIN", "1h"), ("HELD_BACKOFF_MAX", "1h")];

/// The records of one booking, as letters: its create, and the owner's two cancellations.
const ORDERS: [&str; 6] = ["CXY", "CYX", "XCY", "YCX", "XYC", "YXC"];

/// One booking's story.
struct Case {
    id: String,
    user: String,
    order: &'static str,
    /// After how many of its records its user becomes known.
    known_after: usize,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for order in ORDERS {
            for known_after in 0..=3 {
                let name = format!("{}_{known_after}", order.to_lowercase());
                cases.push(Self { id: format!("b_{name}"), user: format!("u_{name}"), order, known_after });
            }
        }
        cases
    }

    /// The offset of one of its records in its partition, counted among those of its topic.
    fn letters(&self, of: &str) -> Vec<char> {
        self.order.chars().filter(|letter| of.contains(*letter)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_create_and_cancellations_ends_in_the_same_table() {
    let world = World::new(1).await;
    let worker = world.worker_with(&IMPATIENT);
    let cases = Case::all();
    for step in 0..=3 {
        for case in cases.iter().filter(|case| case.known_after == step) {
            world.add_user(&case.user).await;
        }
        world.nothing_is_due().await;
        for case in &cases {
            match case.order.chars().nth(step) {
                Some('C') => world.book(&with(&case.id, "userId", case.user.clone())).await,
                Some(_) => {
                    let message = Message::event(&cancellation(&case.id, &case.user));
                    world.produce(&world.cancellations, &message).await
                }
                None => continue,
            };
        }
        world.settled().await;
        world.nothing_is_due().await;
    }
    world.nothing_waits().await;
    let ledger = world.ledger().await;
    for case in &cases {
        let sql = "SELECT status FROM bookings WHERE booking_id = $1";
        let status: String = world.database.query_one(sql, &[&case.id]).await.unwrap().get(0);
        assert_eq!(status, "Cancelled", "{}", case.id);
        let last = |topic: &str| -> Vec<String> {
            let mut offsets: Vec<i64> = ledger
                .iter()
                .filter(|entry| entry.topic == topic && entry.subject == case.id)
                .map(|entry| entry.offset)
                .collect();
            offsets.dedup();
            let current = |offset: &i64| {
                ledger
                    .iter()
                    .rfind(|entry| entry.topic == topic && entry.offset == *offset)
                    .unwrap()
                    .verdict()
            };
            offsets.iter().map(current).collect()
        };
        assert_eq!(last(&world.bookings), ["accepted"], "{}", case.id);
        assert_eq!(case.letters("XY").len(), 2);
        // The first to come is the first to be applied.
        let expected = ["cancelled", "rejected:already_cancelled"];
        assert_eq!(last(&world.cancellations), expected, "{}", case.id);
    }
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_cancellation_that_finds_the_booking_queues_behind_one_that_could_not_be_woken() {
    let world = World::new(1).await;
    let worker = world.worker_with(&PATIENT);
    world.cancel(&cancellation("b1", "ana")).await;
    world.settled().await;
    let tried = world.lock_held("b1").await;
    world.book(&booking("b1")).await;
    world.settled().await;
    world.cancel(&cancellation("b1", "ana")).await;
    // The sweeper goes on with others meanwhile.
    world.cancel(&cancellation("b2", "ana")).await;
    world.settled().await;
    world.book(&booking("b2")).await;
    let expected =
        [(0, "held:unknown_booking"), (1, "held:queued"), (2, "held:unknown_booking"), (2, "cancelled")];
    world.tells(&expected).await;
    // What queues behind it is not tried over and over meanwhile.
    let attempts: i32 = world.held().await.iter().map(|held| held.attempts).sum();
    assert!(attempts < 5, "{attempts} attempts");

    tried.release().await;
    let expected = [
        (0, "held:unknown_booking"),
        (0, "cancelled"),
        (1, "held:queued"),
        (1, "rejected:already_cancelled"),
        (2, "held:unknown_booking"),
        (2, "cancelled"),
    ];
    world.tells(&expected).await;
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_a_killed_worker_could_not_wake_still_goes_first() {
    let world = World::new(1).await;
    let mut worker = world.worker_with(&PATIENT);
    world.cancel(&cancellation("b1", "ana")).await;
    world.settled().await;
    let tried = world.lock_held("b1").await;
    world.book(&booking("b1")).await;
    world.settled().await;
    worker.kill().await;
    tried.release().await;
    let worker = world.worker_with(&PATIENT);
    world.cancel(&cancellation("b1", "ana")).await;
    let expected = [
        (0, "held:unknown_booking"),
        (0, "cancelled"),
        (1, "held:queued"),
        (1, "rejected:already_cancelled"),
    ];
    world.tells(&expected).await;
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redriven_cancellation_takes_what_came_before_it_along_and_follows_it() {
    let world = World::new(1).await;
    let worker = world.worker_with(&PATIENT);
    world.cancel(&cancellation("b1", "ana")).await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.settled().await;
    // Nobody wakes them: it is not the worker's doing.
    let sql = "INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date) \
               SELECT 'b1', users.id, rooms.id, 1, '2027-01-01', '2027-01-02' FROM users, rooms \
               WHERE username = 'ana' LIMIT 1";
    world.database.execute(sql, &[]).await.unwrap();
    let sql = "SELECT max(id) FROM worker.held";
    let later: i64 = world.database.query_one(sql, &[]).await.unwrap().get(0);
    world.command_text(&["held", "redrive", &later.to_string()]).await;
    let expected = [
        (0, "held:unknown_booking"),
        (0, "cancelled"),
        (1, "held:unknown_booking"),
        (1, "held:queued"),
        (1, "rejected:already_cancelled"),
    ];
    world.tells(&expected).await;
    worker.stop().await;
}

impl World {
    /// Waits until this is the story of the cancellations.
    async fn tells(&self, expected: &[(i64, &str)]) {
        eventually("the cancellations' story", async || {
            let found = self.story(&self.cancellations).await;
            if found == story(expected) { Ok(Some(())) } else { Err(found) }
        })
        .await;
    }
}
