//! Dead letters: the record's own bytes and headers, and what is wrong with it; nothing wedges the relay.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Message, Published, World, booking, cancellation};

async fn dead_letters(world: &World, topic: &str) -> Vec<Published> {
    world.published(&World::dead_letters(topic)).await
}

/// The headers that the relay adds, for a record of the bookings' only partition.
fn errors(world: &World, offset: i64, message: &str, timestamp: i64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    [
        ("topic", world.bookings.clone()),
        ("partition", "0".to_owned()),
        ("offset", offset.to_string()),
        ("group", world.group.clone()),
        ("message", message.to_owned()),
        ("timestamp", timestamp.to_string()),
    ]
    .map(|(name, value)| (format!("__dlq.errors.{name}").into_bytes(), Some(value.into_bytes())))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_the_record_itself_with_what_is_wrong_behind_its_headers() {
    const TIME: i64 = 1_736_935_200_123;
    let world = World::new(1).await;
    let mut no_guests = booking("b1");
    no_guests["guests"] = json!(0);
    let messages = [
        Message::bytes(b"\xff\x00{".as_slice())
            .key(b"\xfe\x00key")
            .timestamp(TIME)
            .header("z", "first")
            .header("baggage", "a=1")
            .header("z", b"\xff\x00\xfe")
            .header("Z", "")
            .bare_header("z")
            .header("", "no name")
            .header(b"\xff\xfename", b"\xff")
            .header("__dlq.errors.topic", "an earlier life"),
        // A tombstone, and nothing at all as opposed to nothing.
        Message::default().key("b2").timestamp(TIME + 1),
        Message::bytes(b"".as_slice()).key(b"").timestamp(TIME + 2),
        Message::bytes("?").timestamp(TIME + 3),
        Message::event(&no_guests).timestamp(TIME + 4),
    ];
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    let ledger = world.ledger().await;
    let letters = dead_letters(&world, &world.bookings).await;
    assert_eq!(letters.len(), messages.len());
    for (offset, (message, entry)) in (0..).zip(messages.iter().zip(&ledger)) {
        let problem = format!("{}: {}", entry.reason.as_deref().unwrap(), entry.detail.as_deref().unwrap());
        let timestamp = message.timestamp.unwrap();
        let of_it =
            |letter: &&Published| letter.header("__dlq.errors.timestamp") == Some(timestamp.to_string());
        let found: Vec<&Published> = letters.iter().filter(of_it).collect();
        let expected = Published {
            // Its own, by which retention may let it live.
            timestamp: found[0].timestamp.filter(|stamped| *stamped > timestamp),
            key: message.key.clone(),
            payload: message.payload.clone(),
            headers: [message.headers.clone(), errors(&world, offset, &problem, timestamp)].concat(),
        };
        assert_eq!(found, [&expected]);
    }
    assert!(
        letters
            .iter()
            .any(|letter| letter.header("__dlq.errors.message").unwrap().starts_with("invalid_guests: "))
    );
    assert!(world.held().await.iter().all(|held| held.status == "dead"), "they stay until a person says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_refuses_of_a_dead_letter_is_left_out_and_holds_up_nothing() {
    let world = World::new(0).await;
    let far = i64::MAX.to_string();
    let settings = [("max.message.bytes", "8000000"), ("message.timestamp.after.max.ms", &*far)];
    for topic in [&world.bookings, &world.cancellations] {
        world.admin().create_topic(topic, 1, &settings).await.unwrap();
    }
    let letters = World::dead_letters(&world.bookings);
    world.admin().create_topic(&letters, 1, &[("max.message.bytes", "100000")]).await.unwrap();
    // Nothing that compression could make small.
    let big: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(1..)).take(200_000).collect();
    let future = 4_000_000_000_000;
    let worker = world.worker();
    world
        .produce_all(
            &world.bookings,
            &[
                Message::bytes("?").key("before").timestamp(1_736_935_200_000),
                Message::bytes(big.as_slice()).key("big").header("own", "1").timestamp(1_736_935_200_001),
                Message::bytes("?").key("future").header("own", "1").timestamp(future),
                Message::bytes("?").key("monster").header("own", &big),
                Message::bytes("?").key("after"),
                Message::event(&booking("b1")),
            ],
        )
        .await;
    world.settled().await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.settled().await;
    world.all_published().await;
    let lines = worker.stop().await;
    assert!(lines.iter().all(|line| !line["msg"].as_str().unwrap().contains("passed over")), "{lines:#?}");
    let told: BTreeSet<String> = world.status_events().await.iter().map(Published::id).collect();
    assert_eq!(told.len(), 2, "{told:?}");

    // The whole window may have been sent twice: what counts is the last of each.
    let letters = dead_letters(&world, &world.bookings).await;
    let last = |offset: i64| {
        let is = |letter: &&Published| letter.header("__dlq.errors.offset") == Some(offset.to_string());
        letters.iter().rev().find(is).unwrap_or_else(|| panic!("{offset} is not in {letters:#?}"))
    };
    for (offset, key) in [(0, "before"), (4, "after")] {
        assert_eq!((last(offset).key_text(), last(offset).payload.as_deref()), (key, Some(b"?".as_slice())));
    }
    let big = last(1);
    assert_eq!((big.key_text(), &big.payload), ("big", &None));
    assert_eq!(big.header("__dlq.errors.timestamp").as_deref(), Some("1736935200001"));
    assert_eq!(big.header("own").as_deref(), Some("1"));
    assert!(big.header("__dlq.errors.payload").unwrap().contains("see worker.held"));
    let early = last(2);
    assert_eq!((early.key_text(), early.payload.as_deref()), ("future", Some(b"?".as_slice())));
    assert_eq!(early.header("__dlq.errors.timestamp"), Some(future.to_string()));
    assert!(early.timestamp.unwrap() < future);
    let monster = last(3);
    assert_eq!((&monster.key, &monster.payload, monster.header("own")), (&None, &None, None));
    assert!(monster.header("__dlq.errors.message").unwrap().starts_with("undecodable: "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_dead_letters_than_fit_a_window_are_all_published_within_bounded_memory() {
    const SIZE: usize = 900_000;
    const COUNT: usize = 60;
    let world = World::new(1).await;
    let padding = "x".repeat(SIZE);
    let messages: Vec<Message> =
        (0..COUNT).map(|number| Message::bytes(padding.as_bytes()).key(format!("k{number}"))).collect();
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    world.all_published().await;
    let memory = worker.peak_memory();
    worker.stop().await;
    let letters = dead_letters(&world, &world.bookings).await;
    let keys: Vec<&str> = letters.iter().map(Published::key_text).collect();
    let expected: Vec<String> = (0..COUNT).map(|number| format!("k{number}")).collect();
    assert_eq!(keys, expected);
    assert!(
        letters.iter().all(|letter| letter.payload.as_ref().is_some_and(|payload| payload.len() == SIZE))
    );
    assert!(memory < 100 << 20, "{memory} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_record_that_is_no_longer_kept_is_told_of_all_the_same() {
    let world = World::new(1).await;
    world.produce(&world.bookings, &Message::bytes("?").key("b1")).await;
    let blocker = world.another_connection().await;
    blocker.batch_execute("BEGIN; LOCK TABLE worker.relay IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    let worker = world.worker();
    world.settled().await;
    world.database.execute("DELETE FROM worker.held", &[]).await.unwrap();
    blocker.batch_execute("COMMIT").await.unwrap();
    world.all_published().await;
    worker.stop().await;
    let letters = dead_letters(&world, &world.bookings).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0].key, &letters[0].payload), (&None, &None));
    assert!(letters[0].header("__dlq.errors.payload").unwrap().contains("no longer kept"));
    assert_eq!(letters[0].header("__dlq.errors.offset").as_deref(), Some("0"));
}
