//! Status events: one for each outcome that somebody is to be told, in order, with the same id each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::load::Load;
use crate::support::{Message, Published, World, booking, cancellation};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const BAGGAGE: &str = "tenant=acme,note=%20a%3Db;p=1";

/// The outcomes of a world that are to be told, in their order: topic, offset, the moment and the span.
async fn told(world: &World) -> Vec<(String, i64, String, String)> {
    let sql = "SELECT topic, record_offset, \
               to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), encode(span_id, 'hex') \
               FROM worker.ledger WHERE announcement IS NOT NULL ORDER BY sequence";
    let rows = world.database.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

fn headers(event: &Published) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    event.headers.iter().map(|(name, value)| (text(name), text(value.as_deref().unwrap()))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_outcome_is_told_as_the_contract_says() {
    let world = World::new(1).await;
    let worker = world.worker();
    let mut other = booking("b1");
    other["guests"] = json!(3);
    let mut nobody = booking("b2");
    nobody["userId"] = json!("nobody");
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let dressed = Message::event(&booking("b1")).header("Baggage", BAGGAGE).header("traceparent", parent);
    let (bookings, cancellations) = (&world.bookings, &world.cancellations);
    // A booking that the front desk made: no event names it but by its row.
    let sql = "INSERT INTO bookings (user_id, room_id, number_of_guests, start_date, end_date) \
               VALUES (1, 2, 1, '2027-03-01', '2027-03-02') RETURNING id";
    let row: i32 = world.database.query_one(sql, &[]).await.unwrap().get(0);
    let row = row.to_string();
    for (topic, message) in [
        (bookings, dressed),
        (bookings, Message::event(&booking("b1"))),
        (bookings, Message::event(&other)),
        (bookings, Message::event(&nobody)),
        (bookings, Message::bytes("?")),
        (cancellations, Message::event(&cancellation("b1", "bo"))),
        (cancellations, Message::event(&cancellation("b1", "ana@example.com"))),
        (cancellations, Message::event(&cancellation("b1", "ana"))),
        (cancellations, Message::event(&cancellation("unknown", "ana"))),
        (cancellations, Message::event(&cancellation(&row, "1"))),
    ] {
        world.produce(topic, &message).await;
        world.settled().await;
    }
    world.all_published().await;
    worker.stop().await;

    let events = world.status_events().await;
    let (ocean, garden) = (json!("room_ocean_001"), json!("room_garden_002"));
    let expected = [
        ("b1", "accepted", json!("b1"), "Accepted", Value::Null, "ana", &ocean),
        ("b1", "rejected", json!("b1"), "Accepted", json!("conflicting_booking"), "ana", &ocean),
        ("b1", "rejected", json!("b1"), "Accepted", json!("not_owner"), "bo", &ocean),
        ("b1", "cancelled", json!("b1"), "Cancelled", Value::Null, "ana@example.com", &ocean),
        ("b1", "rejected", json!("b1"), "Cancelled", json!("already_cancelled"), "ana", &ocean),
        (&*row, "cancelled", Value::Null, "Cancelled", Value::Null, "1", &garden),
    ];
    let told = told(&world).await;
    assert_eq!((events.len(), told.len()), (expected.len(), expected.len()), "{events:#?}");
    let group = &world.group;
    for (index, (event, (topic, offset, at, span))) in events.iter().zip(&told).enumerate() {
        let (key, outcome, booking, status, reason, user, room) = &expected[index];
        assert_eq!(event.key_text(), *key);
        let value = json!({
            "bookingId": booking, "status": status, "reason": reason, "userId": user, "roomId": room,
            "source": {"topic": topic, "partition": 0, "offset": offset}, "occurredAt": at,
        });
        assert_eq!(event.json(), value);
        let found = headers(event);
        let value = |name: &str| found.iter().find(|(found, _)| found == name).map(|(_, value)| &**value);
        let parent = value("traceparent").unwrap();
        let mut expected = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", format!("{group}/{topic}/0/{offset}/0")),
            ("ce_type", format!("booking.{outcome}")),
            ("ce_source", format!("/worker/{group}")),
            ("ce_time", at.clone()),
            ("content-type", "application/json".to_owned()),
        ];
        if index == 0 {
            expected.push(("baggage", BAGGAGE.to_owned()));
            assert_eq!(parent, format!("00-{TRACE}-{span}-01"));
        }
        expected.push(("traceparent", parent.to_owned()));
        let expected: Vec<(String, String)> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(found, expected);
        let at: jiff::Timestamp = at.parse().unwrap();
        assert_eq!(event.timestamp, Some(at.as_millisecond()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_status_topic_tells_nobody_but_dead_letters_go_out() {
    let world = World::new(1).await;
    let worker = world.worker_with(&[("KAFKA_STATUS_TOPIC", "")]);
    world.book(&booking("b1")).await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.produce(&world.bookings, &Message::bytes("?")).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    assert!(told(&world).await.is_empty());
    assert_eq!(world.status_events().await, []);
    assert_eq!(world.published(&World::dead_letters(&world.bookings)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_booking_is_told_in_order_by_two_workers_under_load() {
    let world = Arc::new(World::new(3).await);
    world.admin().create_topic(&world.status, 3, &[]).await.unwrap();
    let (mut one, mut two) = (world.worker(), world.worker());
    let load = Load::start(&world, 29, 50).await;
    one.begins(1).await;
    two.begins(1).await;
    load.more(50);
    load.stop().await;
    world.settled().await;
    world.all_published().await;
    one.stop().await;
    two.stop().await;
    let sql = "SELECT subject, group_id || '/' || topic || '/' || partition || '/' || record_offset || '/' || \
               revision FROM worker.ledger WHERE announcement IS NOT NULL ORDER BY sequence";
    let mut expected = BTreeMap::<String, Vec<String>>::new();
    for row in world.database.query(sql, &[]).await.unwrap() {
        expected.entry(row.get(0)).or_default().push(row.get(1));
    }
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for event in world.status_events().await {
        found.entry(event.key_text().to_owned()).or_default().push(event.id());
    }
    assert!(expected.values().any(|ids| ids.len() > 2), "the load was meant to name bookings repeatedly");
    assert_eq!(found, expected);
}
