//! Records that are set aside: kept whole, so that a retry or a person needs nothing else.

use serde_json::{Value, json};

use crate::support::{Held, Message, World, booking, cancellation};

fn unknown_user(id: &str) -> Value {
    let mut event = booking(id);
    event["userId"] = json!("nobody");
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_set_aside_is_kept_with_its_bytes_and_headers() {
    let world = World::new(1).await;
    let event = unknown_user("b1").to_string().replace(",\"", ", \n\"");
    let messages = [
        Message::bytes(event.as_bytes())
            .key("b1")
            .timestamp(1_736_935_200_123)
            .header("z", "first")
            .header("baggage", "a=1")
            .header("z", b"\xff\x00\xfe")
            .header("Z", "")
            .bare_header("z")
            .header("", "no name")
            .header("naïve", "café"),
        Message::event(&booking("b2")).header("fine", "1"),
        Message::bytes(b"\xff\x00{".as_slice()).key(b"\xfe\x00key"),
        Message::bytes(b"".as_slice()).key(b""),
        Message::default().header(b"\xff\xfename", b"\xff"),
    ];
    let places = world.produce_all(&world.bookings, &messages).await;
    world.cancel(&cancellation("b9", "ana")).await;
    let worker = world.worker();
    world.settled().await;
    let held = world.held().await;
    let of = |topic: &str, offset: usize| -> Held {
        let found =
            held.iter().find(|held| held.topic == topic && held.offset == i64::try_from(offset).unwrap());
        found.cloned().unwrap_or_else(|| panic!("{topic} at {offset} is not in {held:#?}"))
    };
    assert_eq!(held.len(), 5);
    for (index, message) in messages.iter().enumerate().filter(|(index, _)| *index != 1) {
        assert_eq!(places[index], (0, i64::try_from(index).unwrap()));
        let kept = of(&world.bookings, index);
        assert_eq!((&kept.key, &kept.payload), (&message.key, &message.payload), "record {index}");
        assert_eq!(kept.attempts, 0);
    }

    let waiting = of(&world.bookings, 0);
    assert_eq!((&*waiting.status, &*waiting.reason, &*waiting.subject), ("waiting", "unknown_user", "b1"));
    assert_eq!((waiting.timestamp, waiting.has_next_attempt), (Some(1_736_935_200_123), true));
    let expected = json!([
        {"name": "z", "value": "Zmlyc3Q="}, {"name": "baggage", "value": "YT0x"},
        {"name": "z", "value": "/wD+"}, {"name": "Z", "value": ""}, {"name": "z", "value": null}, {"name": "", "value": "bm8gbmFtZQ=="},
        {"name": "naïve", "value": "Y2Fmw6k="},
    ]);
    assert_eq!(waiting.headers, expected);

    let dead = of(&world.bookings, 2);
    assert_eq!((&*dead.status, &*dead.reason, dead.has_next_attempt), ("dead", "undecodable", false));
    assert_eq!((&*dead.subject, &dead.headers), ("\u{fffd}\u{fffd}key", &json!([])));
    assert!(dead.timestamp.is_some(), "the producer's client stamps what has no time");
    let named = json!([{"name": "\u{fffd}\u{fffd}name", "nameBytes": "//5uYW1l", "value": "/w=="}]);
    assert_eq!(of(&world.bookings, 4).headers, named);
    let early = of(&world.cancellations, 0);
    assert_eq!((&*early.status, &*early.reason, &*early.subject), ("waiting", "unknown_booking", "b9"));
    world.assert_consistent().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_timestamp_keeps_a_record_from_being_set_aside() {
    let world = World::new(0).await;
    let far = i64::MAX.to_string();
    let settings = [("message.timestamp.after.max.ms", &*far), ("message.timestamp.before.max.ms", &*far)];
    for topic in [&world.bookings, &world.cancellations] {
        world.admin().create_topic(topic, 1, &settings).await.unwrap();
    }
    // In seconds, in milliseconds, in microseconds and in nanoseconds since 1970; and past every calendar.
    let timestamps =
        [1, 1_736_935_200, 1_736_935_200_123, 1_736_935_200_123_456, 1_736_935_200_123_456_789, i64::MAX];
    let mut messages = Vec::new();
    for timestamp in timestamps {
        let id = format!("b{timestamp}");
        messages.push(Message::event(&unknown_user(&id)).timestamp(timestamp));
        messages.push(Message::bytes("{").key(&id).timestamp(timestamp));
        messages.push(Message::event(&booking(&format!("{id}_known"))).timestamp(timestamp));
    }
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    let expected = ["held:unknown_user", "dead:undecodable", "accepted"].repeat(timestamps.len());
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    let kept: Vec<Option<i64>> = world.held().await.iter().map(|held| held.timestamp).collect();
    let given = |timestamp: i64| Some(timestamp).filter(|timestamp| *timestamp < 253_370_764_800_000);
    let expected: Vec<Option<i64>> = timestamps.iter().flat_map(|&timestamp| [given(timestamp); 2]).collect();
    assert_eq!(kept, expected, "a time past the year 9999 is left out");
    world.assert_consistent().await;
    worker.stop().await;
}
