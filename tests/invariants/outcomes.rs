//! Every row of the outcome table for both topics, and what the order of records in a partition decides.

use serde_json::{Value, json};

use crate::support::{Message, World, booking, cancellation};

/// The first rows of `public.bookings` of a world that no event made: by Ana, Bo, refused, cancelled.
const BY_HAND: &str = "INSERT INTO public.bookings
        (id, user_id, room_id, number_of_guests, start_date, end_date, status, updated_at) VALUES
    (9001, 1, 1, 2, '2027-01-01', '2027-01-02', 'Accepted', '2020-01-01'),
    (9002, 2, 1, 2, '2027-01-01', '2027-01-02', 'Accepted', '2020-01-01'),
    (9003, 1, 1, 2, '2027-01-01', '2027-01-02', 'Refused', '2020-01-01'),
    (9004, 1, 1, 2, '2027-01-01', '2027-01-02', 'Cancelled', '2020-01-01')";

fn with(id: &str, field: &str, value: Value) -> Value {
    let mut event = booking(id);
    event[field] = value;
    event
}

async fn book_all(world: &World, events: &[Value]) {
    let messages: Vec<Message> = events.iter().map(Message::event).collect();
    world.produce_all(&world.bookings, &messages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_event_becomes_an_accepted_booking() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book(&booking("booking_1_aaaaaa")).await;
    world.settled().await;
    let sql = "SELECT user_id, room_id, number_of_guests, start_date::text, end_date::text, payment_id, status \
               FROM bookings WHERE booking_id = 'booking_1_aaaaaa'";
    let row = world.database.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1), row.get::<_, i32>(2)), (1, 1, 2));
    assert_eq!((row.get::<_, &str>(3), row.get::<_, &str>(4)), ("2027-01-15", "2027-01-18"));
    assert_eq!((row.get::<_, &str>(5), row.get::<_, &str>(6)), ("pay_789", "Accepted"));
    let lines = worker.stop().await;
    let line = lines.iter().find(|line| line["msg"] == "booking accepted").unwrap();
    assert_eq!(line["bookingId"], "booking_1_aaaaaa");
    assert_eq!(line["outcome"], "accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_of_a_booking_gives_a_create_its_outcome() {
    let world = World::new(1).await;
    let first = [
        (booking("b1"), "accepted"),
        // The same content, whatever names the user, and however the same days are written.
        (booking("b1"), "duplicate"),
        (with("b1", "userId", json!("1")), "duplicate"),
        (with("b1", "userId", json!("ana@example.com")), "duplicate"),
        (with("b1", "startDate", json!("2027-01-15T00:00:00.000000001+14:00")), "duplicate"),
        // Other content, one field at a time.
        (with("b1", "userId", json!("bo")), "rejected:conflicting_booking"),
        (with("b1", "roomId", json!("room_garden_002")), "rejected:conflicting_booking"),
        (with("b1", "guests", json!(3)), "rejected:conflicting_booking"),
        (with("b1", "startDate", json!("2027-01-14T15:00:00Z")), "rejected:conflicting_booking"),
        (with("b1", "endDate", json!("2027-01-19T11:00:00Z")), "rejected:conflicting_booking"),
        (with("b1", "paymentId", json!("pay_790")), "rejected:conflicting_booking"),
        (with("b1", "paymentId", json!(null)), "rejected:conflicting_booking"),
        // What it names is not known, so it is not what the booking names.
        (with("b1", "userId", json!("nobody")), "rejected:conflicting_booking"),
        (with("b1", "roomId", json!("nowhere")), "rejected:conflicting_booking"),
        (with("b2", "userId", json!("nobody")), "held:unknown_user"),
        (with("b3", "roomId", json!("nowhere")), "held:unknown_room"),
        (with("b4", "guests", json!(0)), "dead:invalid_guests"),
        // A payment that is missing, null or blank is one and the same.
        (with("b5", "paymentId", json!(null)), "accepted"),
        (with("b5", "paymentId", json!("")), "duplicate"),
    ];
    let (events, expected): (Vec<Value>, Vec<&str>) = first.into_iter().unzip();
    book_all(&world, &events).await;
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, expected);

    // The same records again, and the booking is there before any of them.
    book_all(&world, &events).await;
    world.settled().await;
    let repeated: Vec<&str> = expected
        .iter()
        .map(|word| match *word {
            "accepted" => "duplicate",
            // Those of the first round still wait.
            "held:unknown_user" | "held:unknown_room" => "held:queued",
            first => first,
        })
        .collect();
    assert_eq!(world.verdicts(&world.bookings).await[events.len()..], repeated);

    // Whatever its status is by now.
    world.cancel(&cancellation("b1", "ana@example.com")).await;
    world.settled().await;
    world
        .database
        .execute("UPDATE bookings SET status = 'Refused' WHERE booking_id = 'b5'", &[])
        .await
        .unwrap();
    book_all(&world, &[booking("b1"), with("b5", "paymentId", json!("  "))]).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.cancellations).await, ["cancelled"]);
    assert_eq!(world.verdicts(&world.bookings).await[2 * events.len()..], ["duplicate", "duplicate"]);
    assert_eq!(statuses(&world).await, ["Cancelled", "Refused"]);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_event_that_can_be_created_is_what_the_rest_of_its_batch_is_compared_with() {
    let world = World::new(1).await;
    let events = [
        with("b3", "userId", json!("nobody")),
        with("b2", "guests", json!(-1)),
        with("b1", "guests", json!(4)),
        booking("b2"),
        booking("b1"),
        with("b1", "guests", json!(4)),
        booking("b2"),
    ];
    let expected = [
        "held:unknown_user",
        "dead:invalid_guests",
        "accepted",
        "accepted",
        "rejected:conflicting_booking",
        "duplicate",
        "duplicate",
    ];
    let worker = world.worker();
    let messages: Vec<Message> = events.iter().map(Message::event).collect();
    assert_eq!(world.one_batch(&world.bookings, &messages).await, expected);
    let sql = "SELECT number_of_guests FROM bookings ORDER BY booking_id";
    let guests: Vec<i32> =
        world.database.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(guests, [4, 2]);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_cancelled_once_and_by_its_owner_only() {
    let world = World::new(1).await;
    let worker = world.worker();
    book_all(&world, &[booking("b1"), with("b2", "userId", json!("bo"))]).await;
    world.settled().await;
    let records = [
        ("b1", "bo", "rejected:not_owner"),
        ("b1", "nobody", "held:unknown_user"),
        ("b1", "ana", "cancelled"),
        ("b1", "1", "rejected:already_cancelled"),
        // A stranger learns nothing of the status.
        ("b1", "bo", "rejected:not_owner"),
        ("unheard_of", "ana", "held:unknown_booking"),
        ("unheard_of", "nobody", "held:unknown_booking"),
        ("b2", "bo@example.com", "cancelled"),
        ("b2", "bo", "rejected:already_cancelled"),
        (" ", "bo", "dead:blank_identifier"),
    ];
    let messages: Vec<Message> =
        records.iter().map(|(booking, user, _)| Message::event(&cancellation(booking, user))).collect();
    let expected: Vec<&str> = records.iter().map(|(_, _, verdict)| *verdict).collect();
    assert_eq!(world.one_batch(&world.cancellations, &messages).await, expected);
    assert_eq!(statuses(&world).await, ["Cancelled", "Cancelled"]);

    // Again, record by record, when all is over: nothing is cancelled twice.
    for message in &messages {
        world.produce(&world.cancellations, message).await;
    }
    world.settled().await;
    let again: Vec<&str> = expected
        .iter()
        .map(|word| if *word == "cancelled" { "rejected:already_cancelled" } else { word })
        .collect();
    let found = world.verdicts(&world.cancellations).await;
    assert_eq!(found[found.len() - again.len()..], again);
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_no_event_made_are_cancelled_by_row_id_under_the_same_rules() {
    let world = World::new(1).await;
    world.database.batch_execute(BY_HAND).await.unwrap();
    let worker = world.worker();
    // Two bookings by events; the id of the second is digits: those of a row that no event made.
    book_all(&world, &[booking("b1"), with("9002", "userId", json!("ana"))]).await;
    world.settled().await;
    let sql = "SELECT id::text FROM bookings WHERE booking_id = 'b1'";
    let row: String = world.database.query_one(sql, &[]).await.unwrap().get(0);
    let records = [
        ("9001", "bo", "rejected:not_owner", "9001"),
        ("9001", "ana", "cancelled", "9001"),
        ("9001", "ana", "rejected:already_cancelled", "9001"),
        ("9003", "ana", "rejected:not_cancellable", "9003"),
        ("9003", "bo", "rejected:not_owner", "9003"),
        ("9004", "ana", "rejected:already_cancelled", "9004"),
        // The booking's id in the events comes first.
        ("9002", "bo", "rejected:not_owner", "9002"),
        ("9002", "ana", "cancelled", "9002"),
        // By row id, filed under the id that the events gave it.
        (&row, "bo", "rejected:not_owner", "b1"),
        (&row, "ana", "cancelled", "b1"),
        ("b1", "ana", "rejected:already_cancelled", "b1"),
        ("99999999999999999999", "ana", "held:unknown_booking", "99999999999999999999"),
        ("2147483647", "ana", "held:unknown_booking", "2147483647"),
        ("-9003", "ana", "held:unknown_booking", "-9003"),
        ("9003.0", "ana", "held:unknown_booking", "9003.0"),
    ];
    let messages: Vec<Message> =
        records.iter().map(|(booking, user, ..)| Message::event(&cancellation(booking, user))).collect();
    world.produce_all(&world.cancellations, &messages).await;
    world.settled().await;
    let ledger = world.ledger().await;
    let ledger = ledger.iter().filter(|entry| entry.topic == world.cancellations);
    let found: Vec<(String, &str)> = ledger.map(|entry| (entry.verdict(), &*entry.subject)).collect();
    let expected: Vec<(String, &str)> =
        records.iter().map(|(_, _, verdict, subject)| ((*verdict).to_owned(), *subject)).collect();
    assert_eq!(found, expected);

    let sql =
        "SELECT id, status, updated_at > '2020-01-01' FROM bookings WHERE booking_id IS NULL ORDER BY id";
    let rows = world.database.query(sql, &[]).await.unwrap();
    let rows: Vec<(i32, &str, bool)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let expected = [
        (9001, "Cancelled", true),
        (9002, "Accepted", false),
        (9003, "Refused", false),
        (9004, "Cancelled", false),
    ];
    assert_eq!(rows, expected, "only the row that was cancelled has been touched");
    world.assert_consistent().await;
    worker.stop().await;
}

/// The statuses of the bookings that events made, in the order of their ids there.
async fn statuses(world: &World) -> Vec<String> {
    let sql = "SELECT status FROM bookings WHERE booking_id IS NOT NULL ORDER BY booking_id";
    world.database.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
