//! What looks like poison and is none, and what is too large to look into.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Message, World, booking, of_records};

fn with(id: &str, field: &str, value: Value) -> Value {
    let mut event = booking(id);
    event[field] = value;
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_odd_but_valid_is_applied() {
    let world = World::new(1).await;
    let plain = |id: &str| booking(id).to_string();
    let escaped =
        plain("b_escaped").replace("ana", "\\u0061n\\u0061").replace("pay_789", "\\uD83C\\uDFE8\\/");
    let spaced = plain("b_spaced").replace(':', "\t:\r\n ").replace("15\t:\r\n 00\t:\r\n 00", "15:00:00");
    let mut nested = plain("b_nested");
    let depth = 100_000;
    nested.truncate(nested.len() - 1);
    write!(nested, ",\"deep\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).unwrap();
    let payloads = [
        with("b_unknown_fields", "channel", json!({"name": ["web", {"nested": null}]})).to_string(),
        plain("b_repeated").replace('}', ",\"x\":1,\"x\":2,\"BOOKINGID\":3,\"userid\":null}"),
        with("b_huge", "blob", json!("x".repeat(900_000))).to_string(),
        with("b_most_guests", "guests", json!(i32::MAX)).to_string(),
        with("b_long_payment", "paymentId", json!("é".repeat(255))).to_string(),
        with("b_no_payment", "paymentId", Value::Null).to_string(),
        escaped,
        spaced.replace("11\t:\r\n 00\t:\r\n 00", "11:00:00"),
        nested,
    ];
    let mut messages: Vec<Message> =
        payloads.into_iter().map(|payload| Message::bytes(payload).key("k")).collect();
    messages.push(Message::bytes(plain("b_without_key")));
    messages.push(Message::bytes(plain("b_hostile_key")).key(b"\xff\0\n"));
    messages.push(Message::bytes(plain("b_huge_key")).key("k".repeat(500_000)));
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, vec!["accepted"; messages.len()]);
    let sql = "SELECT payment_id, user_id FROM bookings WHERE booking_id = 'b_escaped'";
    let row = world.database.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("🏨/", 1));
    world.assert_consistent().await;
    let lines = worker.stop().await;
    assert_eq!(of_records(&lines).len(), messages.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stay_has_the_dates_that_were_written_whatever_the_offset() {
    let world = World::new(1).await;
    let stays = [
        ("2027-02-03T00:30:00+02:00", "2027-02-04T00:00:00Z", "2027-02-03", "2027-02-04"),
        ("2027-02-03T23:30:00-11:00", "2027-02-05T00:30:00+14:00", "2027-02-03", "2027-02-05"),
        ("2027-02-03T15:00:00.123456789Z", "2027-02-04T11:00:00.000000001+05:30", "2027-02-03", "2027-02-04"),
        ("2027-02-03T15:00:00.1Z", "2027-02-04T11:00:00.120-03:00", "2027-02-03", "2027-02-04"),
        // An hour apart, or even backwards in time, and yet on two days.
        ("2027-02-03T23:59:59.999999999Z", "2027-02-04T00:00:00Z", "2027-02-03", "2027-02-04"),
        ("2027-02-03T23:00:00-10:00", "2027-02-04T00:30:00+14:00", "2027-02-03", "2027-02-04"),
        ("2028-02-28T00:00:00Z", "2028-02-29T23:59:59Z", "2028-02-28", "2028-02-29"),
        ("1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1900-01-01", "9999-12-31"),
    ];
    let messages = stays.iter().enumerate().map(|(index, (start, end, ..))| {
        let mut event = booking(&format!("b{index}"));
        (event["startDate"], event["endDate"]) = (json!(start), json!(end));
        Message::event(&event)
    });
    world.produce_all(&world.bookings, &messages.collect::<Vec<_>>()).await;
    let worker = world.worker();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 8]);
    let sql = "SELECT start_date::text, end_date::text FROM bookings ORDER BY booking_id";
    let rows = world.database.query(sql, &[]).await.unwrap();
    let found: Vec<(&str, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(found, stays.map(|(.., start, end)| (start, end)));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_over_a_mebibyte_is_dead_unread_and_kept_whole() {
    let world = World::new(0).await;
    for topic in [&world.bookings, &world.cancellations] {
        world.admin().create_topic(topic, 1, &[("max.message.bytes", "8000000")]).await.unwrap();
    }
    let limit = 1 << 20;
    let sized = |id: &str, size: usize| {
        let padding = size - with(id, "blob", json!("")).to_string().len();
        with(id, "blob", json!("x".repeat(padding)))
    };
    let (fits, exceeds, huge) = (sized("b1", limit), sized("b2", limit + 1), sized("b3", 6_000_000));
    let messages = [&fits, &exceeds, &booking("b4"), &huge, &booking("b5")].map(Message::event);
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    let expected = ["accepted", "dead:too_large", "accepted", "dead:too_large", "accepted"];
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    let held = world.held().await;
    assert_eq!((&held[0].payload, &held[1].payload), (&messages[1].payload, &messages[3].payload));
    assert_eq!((&*held[0].subject, &*held[1].subject), ("b2", "b3"));
    let detail = world.ledger().await[1].detail.clone().unwrap();
    assert!(detail.contains("1048577 bytes; at most 1048576"), "{detail}");
    world.assert_consistent().await;
    worker.stop().await;
}
