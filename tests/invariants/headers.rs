//! Headers that no producer should send: a fault in a header never costs the record.

use serde_json::{Value, json};

use crate::support::{Message, World, about, booking, of_records};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_keeps_a_record_from_being_applied_or_set_aside() {
    let world = World::new(1).await;
    let many = |message: Message| {
        (0..200).fold(message, |message, index| message.header(format!("x-{index}"), vec![0xff; 20]))
    };
    let members: Vec<String> = (0..20_000).map(|index| format!("k{index}=v{index}")).collect();
    let hostile: [&dyn Fn(Message) -> Message; 14] = [
        &|message| message.header(b"\xff\xfe", b"\xff").header(b"bagg\xffage", "a=1"),
        &|message| message.header("", "").bare_header(""),
        &|message| message.bare_header("baggage").bare_header("traceparent").bare_header("tracestate"),
        &|message| message.header("baggage", "").header("traceparent", "").header("tracestate", ""),
        &|message| {
            message.header("baggage", b"\0\xff\xfe=\x80,;;==,\x1b[2J").header("traceparent", b"\xff\0")
        },
        &many,
        &|message| message.header("baggage", members.join(",")),
        &|message| message.header("baggage", "k=".to_owned() + &"v".repeat(400_000)),
        &|message| message.header("baggage", ",".repeat(100_000)).header("baggage", ";=".repeat(100_000)),
        &|message| message.header("baggage", "k=%".to_owned() + &"%ff".repeat(2_000)),
        &|message| (0..200).fold(message, |message, _| message.header("baggage", "a=1")),
        &|message| message.header("x".repeat(30_000), "y".repeat(300_000)),
        &|message| {
            message.header("tracestate", "a=1,".repeat(10_000)).header("traceparent", "0".repeat(10_000))
        },
        &|message| message.header("\u{202e}\n\r\u{1b}[31m", "\r\n\r\n"),
    ];
    let mut messages = Vec::new();
    for (index, dress) in hostile.iter().enumerate() {
        let mut unknown = booking(&format!("held_{index}"));
        unknown["roomId"] = json!("nowhere");
        messages.push(dress(Message::event(&booking(&format!("b_{index}")))));
        messages.push(dress(Message::event(&unknown)));
        messages.push(dress(Message::bytes("{").key(format!("dead_{index}"))));
    }
    let places = world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    let expected = ["accepted", "held:unknown_room", "dead:undecodable"].repeat(hostile.len());
    assert_eq!(world.verdicts(&world.bookings).await, expected);
    world.assert_consistent().await;
    // Nothing of the headers is lost, except that a name that is not UTF-8 is shown as such.
    for held in world.held().await {
        let given = &messages[usize::try_from(held.offset).unwrap()].headers;
        let kept = held.headers.as_array().unwrap();
        assert_eq!(kept.len(), given.len());
        for (kept, (name, value)) in kept.iter().zip(given) {
            assert_eq!(kept["name"], json!(String::from_utf8_lossy(name)));
            assert_eq!(kept["value"].is_null(), value.is_none());
        }
    }
    let text = worker.stop_and_show().await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(of_records(&lines).len(), messages.len());
    for (index, place) in places.iter().enumerate().step_by(3) {
        assert_eq!(about(&lines, &world.bookings, *place)["bookingId"], format!("b_{}", index / 3));
    }
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest < 10_000, "a line of {longest} bytes: headers must not flood the log");
    assert!(!lines.iter().any(|line| line["msg"] == "panicked"));
}
