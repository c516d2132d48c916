//! `worker explain`: the whole story of one booking.

use serde_json::{Value, json};

use super::scene::{BAGGAGE, TRACE, held_id, nobody_appears, of_nobody, set_aside};
use crate::support::{Message, World, booking, cancellation, eventually};

/// `b1` of `nobody` waits until they are known; a stranger, then its owner cancel it, by its row's number; it is
/// asked for again. The story up to the first acceptance has been published.
async fn told() -> World {
    let world = World::new(1).await;
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let first =
        Message::event(&of_nobody("b1")).header("traceparent", &traceparent).header("baggage", BAGGAGE);
    let traced = |event: &Value| Message::event(event).header("traceparent", &traceparent);
    let worker = world.worker();
    world.produce(&world.bookings, &first).await;
    world.settled().await;
    worker.stop().await;
    nobody_appears(&world).await;
    world.command_text(&["held", "redrive", &held_id(&world, "b1").await.to_string()]).await;
    let worker = world.worker();
    world.produce(&world.cancellations, &traced(&cancellation("b1", "bo"))).await;
    world.settled().await;
    let sql = "SELECT id::text FROM bookings WHERE booking_id = 'b1'";
    let row: String = world.database.query_one(sql, &[]).await.unwrap().get(0);
    world.produce(&world.cancellations, &traced(&cancellation(&row, "nobody"))).await;
    world.settled().await;
    world.produce(&world.bookings, &traced(&of_nobody("b1"))).await;
    world.settled().await;
    worker.stop().await;
    let sql = "INSERT INTO worker.relay (group_id, published_sequence) \
               SELECT group_id, max(sequence) FROM worker.ledger WHERE outcome = 'accepted' GROUP BY group_id \
               ON CONFLICT (group_id) DO UPDATE SET published_sequence = excluded.published_sequence";
    world.database.execute(sql, &[]).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_a_booking_is_told_from_its_first_record_to_its_row() {
    let world = told().await;
    let trace = format!("    trace {TRACE}");
    let expected = [
        "Booking b1",
        "",
        "TIME  held (unknown_user)  booking-events/0@0",
        "    Its user is not known yet: it waits, and is tried again by itself.",
        &trace,
        "    baggage tenant=acme,requestId=r-17",
        "",
        "TIME  accepted  booking-events/0@0, revision 1",
        "    The booking was made.",
        "    The status event is published.",
        "",
        "TIME  rejected (not_owner)  booking-cancellations/0@0",
        "    Refused: the booking is somebody else's.",
        "    The status event is not published yet.",
        &trace,
        "",
        "TIME  cancelled  booking-cancellations/0@1",
        "    The booking was cancelled.",
        "    The status event is not published yet.",
        &trace,
        "",
        "TIME  duplicate  booking-events/0@1",
        "    The same booking was asked for again: nothing to do.",
        &trace,
        "",
        "Now Cancelled",
        "    room_ocean_001 2027-01-15 to 2027-01-18, 2 guests",
        "    user nobody (id 4)",
        "    payment pay_789",
        "    row 1, changed TIME",
    ];
    let shown = world.command_text(&["explain", "b1"]).await;
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected, "{shown}");
    // By its row's number, the same.
    let by_number = world.command_text(&["explain", "1"]).await;
    assert_eq!(by_number.replace("Booking 1", "Booking b1"), shown);

    let shown = world.command_json(&["explain", "b1"]).await;
    assert_eq!((&shown["bookingId"], &shown["total"]), (&json!("b1"), &json!(5)));
    let mut first = shown["revisions"][0].clone();
    assert!(first["recordedAt"].is_string());
    first["recordedAt"] = json!("then");
    let expected = json!({
        "group": world.group, "topic": world.bookings, "partition": 0, "offset": 0, "revision": 0, "current": false,
        "recordedAt": "then", "subject": "b1", "outcome": "held", "reason": "unknown_user", "detail": null,
        "baggage": BAGGAGE, "namespace": null, "traceId": TRACE, "publication": null, "held": null,
    });
    assert_eq!(first, expected);
    let publications: Vec<&Value> =
        shown["revisions"].as_array().unwrap().iter().map(|revision| &revision["publication"]).collect();
    assert_eq!(json!(publications), json!([null, "published", "pending", "pending", null]));
    let booking = &shown["booking"];
    assert_eq!(
        (&booking["status"], &booking["startDate"], &booking["guests"], &booking["username"]),
        (&json!("Cancelled"), &json!("2027-01-15"), &json!(2), &json!("nobody"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_is_told_with_what_to_do_about_it() {
    let world = set_aside().await;
    let shown = world.command_text(&["explain", "b2"]).await;
    for phrase in [
        "held (unknown_user)  booking-events/0@1",
        "    It waits as held record 1, tried 0 times, next at TIME.",
        "held (queued)  booking-cancellations/0@0",
        "    It waits as held record 4, tried 0 times, next at TIME.",
        "There is no such booking now.",
    ] {
        assert!(shown.contains(phrase), "{phrase:?} is not in {shown}");
    }
    let shown = eventually("the dead letter to be published", async || {
        let shown = world.command_text(&["explain", "b4"]).await;
        if shown.contains("    Published to booking-events.dlq.") { Ok(Some(shown)) } else { Err(shown) }
    })
    .await;
    for phrase in [
        "dead (invalid_dates)  booking-events/0@3",
        "    the stay ends on 2027-01-15, which is not after its start on 2027-01-15",
        "    It is set aside as held record 3: `worker held show 3`.",
    ] {
        assert!(shown.contains(phrase), "{phrase:?} is not in {shown}");
    }
    world.command_text(&["held", "discard", "3", "--note", "no such stay"]).await;
    let shown = world.command_text(&["explain", "b4"]).await;
    assert!(shown.contains(
        "discarded  booking-events/0@3, revision 1\n    A person has given it up.\n    no such stay"
    ));
    let shown = world.command_json(&["explain", "b2"]).await;
    assert_eq!(shown["revisions"][0]["held"]["status"], json!("waiting"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_groups_are_told_apart_and_a_number_is_not_mistaken_for_another_booking() {
    let world = told().await;
    // Another group has read the same record; and a booking has the first one's row number for its id.
    let sql = "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome) \
               VALUES ('worker-group-staging', $1, 0, 0, 'b1', 'diverted'), ($2, $1, 0, 77, '1', 'accepted')";
    world.database.execute(sql, &[&world.bookings, &world.group]).await.unwrap();
    let sql = "INSERT INTO bookings (user_id, room_id, number_of_guests, start_date, end_date, booking_id) \
               VALUES (1, 1, 1, '2027-03-01', '2027-03-02', '1')";
    world.database.execute(sql, &[]).await.unwrap();
    let shown = world.command(&["explain", "b1"]).await.out;
    assert!(shown.contains("diverted") && shown.contains(", group worker-group-staging"), "{shown}");
    assert!(shown.contains(&format!(", group {}", world.group)) && !shown.contains("@77"), "{shown}");
    let shown = world.command(&["explain", "1"]).await.out;
    assert!(shown.contains("@77") && !shown.contains("diverted") && shown.contains("2027-03-01"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_nobody_knows_ends_with_exit_code_1() {
    let world = World::new(0).await;
    for arguments in [&["explain", "b404"][..], &["explain", "404", "--json"], &["explain", ""]] {
        let said = world.command(arguments).await;
        assert_eq!((said.code, &*said.out), (Some(1), ""), "{arguments:?}");
        assert!(said.err.starts_with("worker: nothing is known of a booking "), "{said:?}");
    }
    // One that no event made is known by its row.
    let sql = "INSERT INTO bookings (user_id, room_id, number_of_guests, start_date, end_date) \
               VALUES (1, 1, 1, '2027-03-01', '2027-03-02')";
    world.database.execute(sql, &[]).await.unwrap();
    let shown = world.command_text(&["explain", "1"]).await;
    assert!(shown.contains("No record that the ledger knows of has named it.\n\nNow Accepted\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_story_is_cut_and_says_so() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.produce_events(&world.bookings, 0, &vec![booking("b1"); 30]).await;
    world.settled().await;
    worker.stop().await;
    let shown = world.command_text(&["explain", "b1", "--limit", "5"]).await;
    assert!(shown.contains("… and 25 outcomes more; --limit tells more of them"), "{shown}");
    assert_eq!(shown.matches("booking-events/0@").count(), 5);
    let shown = world.command_json(&["explain", "b1", "--limit", "5"]).await;
    assert_eq!((&shown["total"], shown["revisions"].as_array().unwrap().len()), (&json!(30), 5));
}
