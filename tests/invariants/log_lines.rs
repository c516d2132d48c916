//! The log line: names, types and levels as people filter by them, at every log level, and none is lost.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::support::{Message, World, about, booking, cancellation, eventually, of_records};

const BAGGAGE: &str = "tenant=acme,requestId=r-17";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What every line about a record has.
const ALWAYS: [&str; 12] = [
    "time",
    "level",
    "msg",
    "bookingId",
    "topic",
    "partition",
    "offset",
    "outcome",
    "baggage",
    "baggageMembers",
    "traceId",
    "spanId",
];

/// Settings, and the levels of the lines that they leave.
type Level = (&'static [(&'static str, &'static str)], &'static [&'static str]);

const LEVELS: [Level; 5] = [
    (&[("LOG_LEVEL", "error")], &["ERROR"]),
    (&[("RUST_LOG", "warn")], &["WARN", "ERROR"]),
    // RUST_LOG wins.
    (&[("RUST_LOG", "warn"), ("LOG_LEVEL", "error")], &["WARN", "ERROR"]),
    (&[("RUST_LOG", "off,worker::batch=info")], &["INFO", "WARN", "ERROR"]),
    (&[("LOG_LEVEL", "off")], &[]),
];

fn dressed(message: Message) -> Message {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    message.header("baggage", BAGGAGE).header("traceparent", parent)
}

/// A topic, a record, its log line's level and message, and what the line has beside the fields of all.
type Record = (String, Message, &'static str, &'static str, &'static [&'static str]);

/// A record of each outcome of booking events, and of cancellations after them.
fn records(world: &World) -> Vec<Record> {
    let mut nobody = booking("b2");
    nobody["userId"] = json!("nobody");
    let mut other = booking("b1");
    other["guests"] = json!(3);
    let mut invalid = booking("b3");
    invalid["guests"] = json!(0);
    let event = |event: &Value| dressed(Message::event(event));
    let elsewhere =
        |event: &Value| Message::event(event).header("baggage", format!("{BAGGAGE},okteto-divert=x"));
    let (stay, who) = (&["userId", "roomId"] as &[&str], &["userId"] as &[&str]);
    let (stay_reason, who_reason) =
        (&["userId", "roomId", "reason"] as &[&str], &["userId", "reason"] as &[&str]);
    let why = &["reason", "detail"] as &[&str];
    let (bookings, cancellations) = (&world.bookings, &world.cancellations);
    [
        (bookings, event(&booking("b1")), "INFO", "booking accepted", stay),
        (bookings, event(&booking("b1")), "INFO", "booking duplicate", stay),
        (bookings, event(&other), "WARN", "booking rejected", stay_reason),
        (bookings, event(&nobody), "WARN", "booking held", stay_reason),
        (bookings, event(&invalid), "ERROR", "booking dead", why),
        (bookings, dressed(Message::bytes("?").key("b4")), "ERROR", "booking dead", why),
        (bookings, elsewhere(&booking("b5")), "INFO", "booking diverted", stay),
        (cancellations, event(&cancellation("b1", "ana")), "INFO", "booking cancelled", who),
        (cancellations, event(&cancellation("b1", "ana")), "WARN", "cancellation rejected", who_reason),
        (cancellations, event(&cancellation("b6", "ana")), "WARN", "cancellation held", who_reason),
        (cancellations, event(&cancellation("b1", " ")), "ERROR", "cancellation dead", why),
        (cancellations, elsewhere(&cancellation("b1", "ana")), "INFO", "cancellation diverted", who),
    ]
    .map(|(topic, message, level, said, fields)| (topic.clone(), message, level, said, fields))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_line_has_the_names_types_and_level_that_people_filter_by() {
    let world = World::new(1).await;
    let worker = world.worker();
    let mut expected = Vec::new();
    for (topic, message, level, said, fields) in records(&world) {
        let place = world.produce(&topic, &message).await;
        // One after the other: the cancellations are about the booking.
        world.settled().await;
        expected.push((topic, message, place, level, said, fields));
    }
    let text = worker.stop_and_show().await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(of_records(&lines).len(), expected.len());
    for (topic, message, place, level, said, fields) in expected {
        let line = about(&lines, &topic, place);
        assert_eq!((&line["level"], &line["msg"]), (&json!(level), &json!(said)), "{line}");
        let names: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ALWAYS.iter().chain(fields).copied().collect(), "{said}");
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        assert!(line["partition"].is_i64() && line["offset"].is_i64());
        let key = String::from_utf8(message.key.unwrap()).unwrap();
        assert_eq!(line["bookingId"], json!(key));
        for name in fields.iter().chain(&["outcome", "traceId", "spanId", "baggage"]) {
            assert!(line[name].is_string(), "{name}: {line}");
        }
        if fields.contains(&"userId") {
            let event: Value = serde_json::from_slice(&message.payload.unwrap()).unwrap();
            let names = [&line["userId"], line.get("roomId").unwrap_or(&Value::Null)];
            assert_eq!(names, [&event["userId"], &event["roomId"]]);
        }
        let diverted = line["outcome"] == "diverted";
        let baggage = if diverted { format!("{BAGGAGE},okteto-divert=x") } else { BAGGAGE.to_owned() };
        assert_eq!(line["baggage"], json!(baggage));
        assert_eq!(
            (&line["baggageMembers"]["tenant"], &line["baggageMembers"]["requestId"]),
            (&json!("acme"), &json!("r-17"))
        );
        assert_eq!(line["traceId"] == TRACE, !diverted, "{line}");
    }
    let outcomes: BTreeMap<&str, &str> = of_records(&lines)
        .iter()
        .map(|line| (line["outcome"].as_str().unwrap(), line["level"].as_str().unwrap()))
        .collect();
    let levels = [
        ("accepted", "INFO"),
        ("cancelled", "INFO"),
        ("dead", "ERROR"),
        ("diverted", "INFO"),
        ("duplicate", "INFO"),
        ("held", "WARN"),
        ("rejected", "WARN"),
    ];
    assert_eq!(outcomes, BTreeMap::from(levels));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_about_a_record_carries_its_record_at_every_log_level() {
    let mut world = World::new(1).await;
    let mut places = Vec::new();
    for (topic, message, level, ..) in records(&world) {
        let place = world.produce(&topic, &message).await;
        places.push((topic, place, message.key.unwrap(), level));
    }
    let own = world.group.clone();
    for (index, (settings, levels)) in LEVELS.iter().enumerate() {
        world.group = format!("{own}-{index}");
        let group = world.group.clone();
        let settings: Vec<(&str, &str)> =
            settings.iter().copied().chain([("KAFKA_GROUP_ID", &*group)]).collect();
        let worker = world.worker_with(&settings);
        world.settled().await;
        let lines = worker.stop().await;
        let said = of_records(&lines);
        for line in &said {
            assert!(levels.contains(&line["level"].as_str().unwrap()), "{settings:?}: {line}");
            let here = |(topic, place, ..): &&(String, (i32, i64), Vec<u8>, &str)| {
                line["topic"] == **topic
                    && (&line["partition"], &line["offset"]) == (&json!(place.0), &json!(place.1))
            };
            let (.., key, _) = places.iter().find(here).unwrap();
            assert_eq!(line["bookingId"], json!(String::from_utf8_lossy(key)));
            assert!(line["baggage"].as_str().unwrap().starts_with(BAGGAGE), "{line}");
            assert_eq!(line["baggageMembers"]["tenant"], "acme", "{line}");
            assert!(line["traceId"].is_string() && line["spanId"].is_string());
        }
        let dead = said.iter().filter(|line| line["outcome"] == "dead").count();
        assert_eq!(dead, if levels.contains(&"ERROR") { 3 } else { 0 }, "{settings:?}");
        let all = levels.contains(&"INFO");
        assert!(!all || said.len() == places.len(), "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_lost_when_the_worker_is_told_to_stop_under_load() {
    let world = World::new(3).await;
    let messages: Vec<Message> =
        (0..4_000).map(|index| dressed(Message::event(&booking(&format!("booking_{index}"))))).collect();
    world.produce_all(&world.bookings, &messages).await;
    let count = async || -> usize {
        let row = world.database.query_one("SELECT count(*) FROM worker.ledger", &[]).await.unwrap();
        usize::try_from(row.get::<_, i64>(0)).unwrap()
    };
    let mut coordinates = HashSet::new();
    let mut check = |text: &str, recorded: usize| {
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        for line in of_records(&lines) {
            let place = (line["partition"].as_i64().unwrap(), line["offset"].as_i64().unwrap());
            assert!(coordinates.insert(place), "twice: {line}");
        }
        assert_eq!(coordinates.len(), recorded, "one line for each record that was applied, and no other");
    };
    // One by one, so that the signal comes while there is work.
    let worker = world.worker_with(&[("BATCH_MAX_RECORDS", "1")]);
    eventually("a batch to be applied", async || Ok::<_, ()>((count().await > 0).then_some(()))).await;
    let text = worker.stop_and_show().await;
    let recorded = count().await;
    check(&text, recorded);
    assert!(recorded < messages.len(), "the signal was meant to come under load");

    // The rest, and the end right behind the last of it.
    let worker = world.worker();
    world.settled().await;
    let text = worker.stop_and_show().await;
    check(&text, messages.len());
    world.assert_consistent().await;
}
