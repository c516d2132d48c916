//! The sample of `docker-compose.yml`: its events are ones that the worker takes, of guests and rooms that exist.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::file::{path, text};

/// Keeps what it is given in a file named after the topic, in place of Kafka's console producer.
const PRODUCER: &str = r#"#!/bin/sh
while [ "$1" != --topic ]; do shift; done
exec cat >"$(dirname "$0")/$2"
"#;

/// Runs the feed for so many bookings and returns the lines of both topics: headers, key and value.
fn fed(count: usize) -> [Vec<(String, String, Value)>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let producer = folder.path().join("producer");
    fs::write(&producer, PRODUCER).unwrap();
    fs::set_permissions(&producer, fs::Permissions::from_mode(0o755)).unwrap();
    let script = path("config/sample/feed.sh");
    let mut command = Command::new("bash");
    // The producers are in a pipe that this waits for, so that their files are whole when it ends.
    command.arg("-c").arg("bash \"$0\" | cat").arg(script).env("PRODUCER", &producer);
    command.env("COUNT", count.to_string()).env("PAUSE", "0").env("BROKERS", "nowhere:1");
    let output =
        command.env("BOOKING_TOPIC", "bookings").env("CANCELLATION_TOPIC", "cancellations").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    ["bookings", "cancellations"].map(|topic| {
        let text = fs::read_to_string(folder.path().join(topic)).unwrap();
        text.lines().map(record).collect()
    })
}

fn record(line: &str) -> (String, String, Value) {
    let parts: Vec<&str> = line.split('\t').collect();
    let [headers, key, value] = parts[..] else { panic!("{line}") };
    (headers.to_owned(), key.to_owned(), serde_json::from_str(value).unwrap())
}

#[test]
fn the_feed_books_rooms_that_exist_for_guests_that_exist_and_cancels_what_it_booked() {
    let [bookings, cancellations] = fed(200);
    assert_eq!(bookings.len(), 200);
    assert!((10..150).contains(&cancellations.len()), "{}", cancellations.len());
    let known = text("config/sample/guests.sql");
    for (headers, key, event) in &bookings {
        assert!(headers.starts_with("baggage:trace-id=") && !headers.contains(','), "{headers}");
        assert_eq!(event["bookingId"], **key);
        let user = event["userId"].as_str().unwrap();
        assert!(user == "nobody-yet" || known.contains(&format!("'{user}'")), "{user}");
        assert!(known.contains(&format!("'{}'", event["roomId"].as_str().unwrap())), "{event}");
        assert!(event["guests"].as_i64() > Some(0) && event["paymentId"].is_string(), "{event}");
        assert!(event["startDate"].as_str() < event["endDate"].as_str() || nightless(event), "{event}");
    }
    assert!(bookings.iter().filter(|(_, _, event)| nightless(event)).count() < 40);
    for (_, key, event) in &cancellations {
        let booked = bookings.iter().find(|(_, booking, _)| booking == key);
        assert_eq!(booked.unwrap().2["userId"], event["userId"], "{event}");
        assert!(event["bookingId"] == **key && event["timestamp"].is_string(), "{event}");
    }
}

fn nightless(event: &Value) -> bool {
    let day = |name: &str| event[name].as_str().unwrap()[..10].to_owned();
    day("startDate") == day("endDate")
}
