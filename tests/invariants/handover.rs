//! Taking over from the earlier Go worker: its bookings have no booking id, and the topics still hold their events.

use serde_json::{Value, json};

use crate::support::{Message, World, booking, cancellation};

const NAME_OLD_BOOKINGS: &str = include_str!("../../config/handover/name_old_bookings.sql");

/// What the earlier worker did with an event: a row without the booking's id.
const OLD_ROW: &str = "INSERT INTO public.bookings
    (user_id, room_id, number_of_guests, start_date, end_date, payment_id, status)
    SELECT users.id, rooms.id, ($1::json ->> 'guests')::int, left($1::json ->> 'startDate', 10)::date,
           left($1::json ->> 'endDate', 10)::date, $1::json ->> 'paymentId', 'Accepted'
    FROM public.users, public.rooms
    WHERE $1::json ->> 'userId' IN (users.id::text, users.email, users.username)
      AND internal_id = $1::json ->> 'roomId'";

fn event(id: &str, payment: &str) -> Value {
    let mut event = booking(id);
    event["paymentId"] = json!(payment);
    event
}

impl World {
    /// Sends an event, and inserts it so many times in the way of the earlier worker.
    async fn booked_before(&self, event: &Value, times: usize) {
        self.produce(&self.bookings, &Message::event(event)).await;
        for _ in 0..times {
            assert_eq!(self.database.execute(OLD_ROW, &[event]).await.unwrap(), 1);
        }
    }

    /// Runs the handover's statement on what the topic says, and returns how many bookings got a name.
    async fn name_old_bookings(&self, told: &[Value]) -> u64 {
        self.database
            .batch_execute(
                "CREATE TEMP TABLE IF NOT EXISTS told (booking_id text, payment_id text); TRUNCATE told",
            )
            .await
            .unwrap();
        for event in told {
            let pair = ["bookingId", "paymentId"].map(|name| event[name].as_str().unwrap());
            self.database.execute("INSERT INTO told VALUES ($1, $2)", &[&pair[0], &pair[1]]).await.unwrap();
        }
        self.database.execute(NAME_OLD_BOOKINGS, &[]).await.unwrap()
    }

    async fn rows(&self) -> Vec<(Option<String>, String)> {
        let sql = "SELECT booking_id, payment_id || ' ' || status FROM bookings ORDER BY id";
        self.database.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

fn named(id: &str, rest: &str) -> (Option<String>, String) {
    (Some(id.to_owned()), rest.to_owned())
}

/// The danger that the pages warn of: nothing tells the worker that a nameless row is the event's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_at_the_beginning_books_a_second_time_what_has_no_name() {
    let world = World::new(1).await;
    world.booked_before(&event("b1", "pay_1"), 1).await;
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.rows().await, [(None, "pay_1 Accepted".to_owned()), named("b1", "pay_1 Accepted")]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_old_bookings_named_the_whole_history_is_applied_and_none_is_booked_twice() {
    let world = World::new(1).await;
    let [kept, lost, twice, cancelled] = [("b1", "pay_1"), ("b2", "pay_2"), ("b3", "pay_3"), ("b4", "pay_4")]
        .map(|(id, payment)| event(id, payment));
    world.booked_before(&kept, 1).await;
    // Sent while the earlier worker was down.
    world.booked_before(&lost, 0).await;
    world.booked_before(&twice, 2).await;
    world.booked_before(&cancelled, 1).await;
    // By the booking's id, which the earlier worker could not do.
    world.cancel(&cancellation("b4", "ana")).await;

    let told = [kept, lost, twice, cancelled];
    assert_eq!(world.name_old_bookings(&told).await, 3);
    assert_eq!(world.name_old_bookings(&told).await, 0, "again");
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["duplicate", "accepted", "duplicate", "duplicate"]);
    assert_eq!(world.verdicts(&world.cancellations).await, ["cancelled"]);
    assert_eq!(
        world.rows().await,
        [
            named("b1", "pay_1 Accepted"),
            named("b3", "pay_3 Accepted"),
            (None, "pay_3 Accepted".to_owned()),
            named("b4", "pay_4 Cancelled"),
            named("b2", "pay_2 Accepted"),
        ]
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_ids_or_two_payments_claim_gets_no_name() {
    let world = World::new(1).await;
    let told = [
        event("b1", "pay_1"),
        event("b2", "pay_1"),
        event("b3", "pay_3"),
        event("b3", "pay_4"),
        event("b5", ""),
    ];
    for event in &told {
        world.booked_before(event, 1).await;
    }
    assert_eq!(world.name_old_bookings(&told).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_groups_offsets_committed_at_the_end_only_what_comes_after_is_applied() {
    let world = World::new(2).await;
    world.booked_before(&event("b1", "pay_1"), 1).await;
    world.booked_before(&event("b2", "pay_2"), 1).await;
    for ((topic, partition), end) in world.ends().await {
        world.admin().commit(&world.group, &topic, partition, end).await.unwrap();
    }
    // Sent while no worker runs.
    world.book(&event("b3", "pay_3")).await;
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"]);
    assert_eq!(world.bookings_made().await, 1);
    // A web client cancels an old booking by its row.
    world.cancel(&cancellation("1", "ana")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, ["cancelled"]);
    worker.stop().await;
}
