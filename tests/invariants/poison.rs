//! Payloads that no rule can be applied to: each is dead for its own reason, and nothing else suffers.

use serde_json::{Value, json};

use crate::support::{Message, Worker, World, about, booking, cancellation, of_records};

/// A payload, the reason that it is dead for, and what its detail must name: the fault and the remedy.
type Poison = (Option<Vec<u8>>, &'static str, [&'static str; 2]);

const OBJECT: &str = "expected a JSON object";
const LIMITS: &str = "expected 1 to 255 characters";
const RFC: &str = "expected RFC 3339, such as 2025-01-15T15:00:00Z";

fn text(payload: impl AsRef<[u8]>, reason: &'static str, names: [&'static str; 2]) -> Poison {
    (Some(payload.as_ref().to_vec()), reason, names)
}

/// What is no JSON object at all, or not of UTF-8.
fn not_json(sample: &Value) -> Vec<Poison> {
    let sample = sample.to_string();
    let name = "undecodable";
    let bad_text = sample.as_bytes().iter().map(|byte| if *byte == b'a' { 0xff } else { *byte }).collect();
    let positions: Vec<Value> =
        serde_json::from_str::<Value>(&sample).unwrap().as_object().unwrap().values().cloned().collect();
    vec![
        (None, name, ["tombstone", OBJECT]),
        text("", name, ["no JSON object", OBJECT]),
        text(" \n", name, ["no JSON object", OBJECT]),
        text("null", name, ["no JSON object", OBJECT]),
        text("17", name, ["no JSON object", OBJECT]),
        text("\"text\"", name, ["no JSON object", OBJECT]),
        text(Value::from(positions).to_string(), name, ["no JSON object", OBJECT]),
        text("\u{feff}".to_owned() + &sample, name, ["no JSON object", OBJECT]),
        text(b"\xff\xfe{\0", name, ["no JSON object", OBJECT]),
        text(b"\0\0\0\0\x05\x02", name, ["no JSON object", OBJECT]),
        text("{}", name, ["missing field", OBJECT]),
        text("{", name, ["EOF", OBJECT]),
        text(&sample[..sample.len() - 1], name, ["EOF", OBJECT]),
        text(sample.clone() + "}", name, ["trailing characters", OBJECT]),
        text(sample.clone() + &sample, name, ["trailing characters", OBJECT]),
        text(sample.replace(':', "="), name, ["expected `:`", OBJECT]),
        text(sample.replace("\"bookingId\"", "\"BookingID\""), name, ["missing field `bookingId`", OBJECT]),
        text(sample.replace('}', ",\"bookingId\":\"other\"}"), name, ["duplicate field `bookingId`", OBJECT]),
        text(sample.replace('}', ",\"deep\":[}"), name, ["deep", OBJECT]),
        text("{\"bookingId\":".repeat(20_000), name, ["bookingId: invalid type: map", OBJECT]),
        text("[".repeat(500_000), name, ["no JSON object", OBJECT]),
        text(format!("{{\"deep\":{}", "[".repeat(500_000)), name, ["EOF", OBJECT]),
        text(vec![b'{'; 900_000], name, ["key must be a string", OBJECT]),
        (Some(bad_text), name, ["invalid unicode code point", OBJECT]),
        text(sample.replace("\"bookingId\":\"", "\"bookingId\":\"\\ud800"), name, ["bookingId", OBJECT]),
    ]
}

/// One field of an event at fault.
fn fields(sample: &Value, cases: Vec<(&'static str, Value, &'static str, &'static str)>) -> Vec<Poison> {
    let poison = |(field, value, reason, remedy)| {
        let mut event = sample.clone();
        event[field] = value;
        text(event.to_string(), reason, [field, remedy])
    };
    cases.into_iter().map(poison).collect()
}

/// What is wrong with any identifier, in any event.
fn identifiers(field: &'static str) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    vec![
        (field, json!(""), "blank_identifier", LIMITS),
        (field, json!(" \t\n\u{3000}"), "blank_identifier", LIMITS),
        (field, json!("nul\0inside"), "invalid_identifier", LIMITS),
        (field, json!("\0"), "invalid_identifier", LIMITS),
        (field, json!("x".repeat(256)), "too_large", LIMITS),
        (field, json!("é".repeat(450_000)), "too_large", LIMITS),
        (field, json!(17), "undecodable", "expected a string"),
        (field, json!(18_446_744_073_709_551_615_u64), "undecodable", "expected a string"),
        (field, json!(1.5), "undecodable", "expected a string"),
        (field, json!(true), "undecodable", "expected a string"),
        (field, json!(null), "undecodable", "expected a string"),
        (field, json!(["a"]), "undecodable", "expected a string"),
        (field, json!({"a": "b"}), "undecodable", "expected a string"),
    ]
}

/// What is wrong with any time, in any event.
fn times(field: &'static str) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let wrong = [
        "",
        "tomorrow",
        "2027-01-15",
        "2027-01-15T15:00:00",
        "2027-02-29T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-01-15T25:00:00Z",
        "2027-01-15T15:00:00.1234567890Z",
        "2027-01-15T15:00:00+26:00",
        "2027-01-15T15:00:00Z[Europe/Madrid]",
        "0001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "+275760-09-13T00:00:00Z",
        "-000001-01-01T00:00:00Z",
        "1736953200",
        "2027-01-15T15:00:00Z\u{0}",
    ];
    let mut cases: Vec<_> = wrong.iter().map(|time| (field, json!(time), "invalid_dates", RFC)).collect();
    cases.push((field, json!("9".repeat(900_000)), "invalid_dates", RFC));
    cases.push((field, json!(1_736_953_200), "undecodable", "expected a string"));
    cases.push((field, json!(null), "undecodable", "expected a string"));
    cases
}

fn bookings() -> Vec<Poison> {
    let sample = booking("poison");
    let mut cases = Vec::new();
    for field in ["bookingId", "userId", "roomId"] {
        cases.extend(identifiers(field));
    }
    for field in ["startDate", "endDate"] {
        cases.extend(times(field));
    }
    cases.extend([
        ("paymentId", json!("nul\0inside"), "invalid_identifier", LIMITS),
        ("paymentId", json!("p".repeat(256)), "too_large", LIMITS),
        ("paymentId", json!(7), "undecodable", "expected a string"),
        ("guests", json!(0), "invalid_guests", "expected 1 to 2147483647"),
        ("guests", json!(-1), "invalid_guests", "expected 1 to 2147483647"),
        ("guests", json!(2_147_483_648_i64), "invalid_guests", "expected 1 to 2147483647"),
        ("guests", json!(i64::MIN), "invalid_guests", "expected 1 to 2147483647"),
        ("guests", json!(u64::MAX), "undecodable", "expected i64"),
        ("guests", json!(1e300), "undecodable", "expected i64"),
        ("guests", json!(2.5), "undecodable", "expected i64"),
        ("guests", json!("2"), "undecodable", "expected i64"),
        ("guests", json!("2".repeat(900_000)), "undecodable", "expected i64"),
        ("guests", json!(null), "undecodable", "expected i64"),
        ("guests", json!([2]), "undecodable", "expected i64"),
    ]);
    let mut poison = not_json(&sample);
    poison.extend(fields(&sample, cases));
    // A stay that ends on the day it starts, by the dates as written, or before it.
    for end in ["2027-01-15T23:59:59Z", "2027-01-15T15:00:00.000000001-11:00", "2026-12-31T11:00:00Z"] {
        let stay = fields(&sample, vec![("endDate", json!(end), "invalid_dates", "not after its start")]);
        poison.extend(
            stay.into_iter()
                .map(|(payload, reason, [_, remedy])| (payload, reason, ["the stay ends", remedy])),
        );
    }
    poison.push(text(sample.to_string().replace(":2,", ":1e99999,"), "undecodable", ["guests", OBJECT]));
    poison
}

fn cancellations() -> Vec<Poison> {
    let sample = cancellation("poison", "ana");
    let mut cases = identifiers("bookingId");
    cases.extend(identifiers("userId"));
    cases.extend(times("timestamp"));
    let mut poison = not_json(&sample);
    poison.extend(fields(&sample, cases));
    poison
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_among_bookings_is_dead_for_its_own_reason_and_the_rest_is_applied() {
    let world = World::new(1).await;
    let good = |index: usize| booking(&format!("good_{index}"));
    // It is there before: what follows it is not only decoded but also compared.
    let bookings_topic = world.bookings.clone();
    prove(&world, &bookings_topic, &bookings(), "booking dead", good, "accepted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_among_cancellations_is_dead_for_its_own_reason_and_the_rest_is_applied() {
    let world = World::new(1).await;
    let poison = cancellations();
    let sql = "INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date) \
               SELECT 'good_' || n, 1, 1, 1, '2027-01-01', '2027-01-02' FROM generate_series(0, $1::int) AS n";
    world.database.execute(sql, &[&i32::try_from(poison.len()).unwrap()]).await.unwrap();
    let good = |index: usize| cancellation(&format!("good_{index}"), "ana");
    let topic = world.cancellations.clone();
    prove(&world, &topic, &poison, "cancellation dead", good, "cancelled").await;
}

/// Each poisonous record stands between two good ones.
async fn prove(
    world: &World,
    topic: &str,
    poison: &[Poison],
    message: &str,
    good: impl Fn(usize) -> Value,
    applied: &str,
) {
    let mut messages = Vec::new();
    for (index, (payload, ..)) in poison.iter().enumerate() {
        messages.push(Message::event(&good(index)));
        messages.push(Message { payload: payload.clone(), ..Message::default() }.key(format!("key_{index}")));
    }
    let places = world.produce_all(topic, &messages).await;
    let worker: Worker = world.worker();
    world.settled().await;
    world.assert_consistent().await;
    let lines = worker.stop().await;
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), messages.len());
    for (index, (payload, reason, names)) in poison.iter().enumerate() {
        let sample: String =
            String::from_utf8_lossy(payload.as_deref().unwrap_or_default()).chars().take(120).collect();
        assert_eq!(ledger[2 * index].verdict(), applied, "before {sample}");
        let entry = &ledger[2 * index + 1];
        assert_eq!(entry.verdict(), format!("dead:{reason}"), "{sample}");
        let detail = entry.detail.as_deref().unwrap();
        assert!(names.iter().all(|name| detail.contains(name)), "{names:?} in {detail:?} of {sample}");
        assert!(detail.chars().count() <= 255 && !detail.chars().any(char::is_control), "{detail:?}");

        let line = about(&lines, topic, places[2 * index + 1]);
        assert_eq!((&line["level"], &line["msg"]), (&json!("ERROR"), &json!(message)));
        assert_eq!((&line["reason"], &line["detail"]), (&json!(reason), &json!(detail)));
        assert_eq!(line["bookingId"], json!(entry.subject), "{sample}");
        let read = names[0] != "bookingId" && *reason != "undecodable";
        assert_eq!(
            entry.subject,
            if read { "poison".to_owned() } else { format!("key_{index}") },
            "{sample}"
        );
    }
    assert_eq!(of_records(&lines).len(), messages.len());
    assert!(!lines.iter().any(|line| line["msg"] == "panicked"));
}
