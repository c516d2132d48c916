//! Baggage from the record's headers to the log line and the ledger, by the text of the specification.

use serde_json::{Value, json};

use crate::support::{Message, World, about, booking, of_records, shown};

/// Headers, and what of them stands in the ledger, in the field `baggage` and in `baggageMembers`.
type Case = (&'static [(&'static str, &'static [u8])], Option<&'static str>, Option<(&'static str, Value)>);

fn cases() -> Vec<Case> {
    vec![
        (&[], None, None),
        (&[("baggage", b"")], None, None),
        (&[("baggage", b" ,, ;=, lone, =x, a b=1, (=1")], None, None),
        (&[("x-baggage", b"a=1"), ("baggages", b"b=2")], None, None),
        (
            &[("baggage", b"trace-id=abc123def")],
            Some("trace-id=abc123def"),
            Some(("trace-id=abc123def", json!({"trace-id": "abc123def"}))),
        ),
        // The contract's example: properties and percent-encoding.
        (
            &[("baggage", b"trace-id=rig000002,tenant=acme;scope=rig,note=caf%C3%A9")],
            Some("trace-id=rig000002,tenant=acme;scope=rig,note=caf%C3%A9"),
            Some((
                "trace-id=rig000002,tenant=acme,note=café",
                json!({"trace-id": "rig000002", "tenant": "acme", "note": "café"}),
            )),
        ),
        // Whatever the case of the name, and however often: one list.
        (
            &[("Baggage", b"a=1"), ("other", b"x=9"), ("BAGGAGE", b"b=2 , c = 3"), ("bAgGaGe", b"a=4")],
            Some("a=1,b=2,c = 3,a=4"),
            Some(("b=2,c=3,a=4", json!({"b": "2", "c": "3", "a": "4"}))),
        ),
        // Keys keep theirs.
        (
            &[("baggage", b"Tenant=A,tenant=b")],
            Some("Tenant=A,tenant=b"),
            Some(("Tenant=A,tenant=b", json!({"Tenant": "A", "tenant": "b"}))),
        ),
        // A bad member takes no other with it; a value keeps its later `=`.
        (
            &[("baggage", b"ok=1,bad,sp ace=2,token=YWJj==;p=1=2,=3,%41=4,empty=")],
            Some("ok=1,token=YWJj==;p=1=2,%41=4,empty="),
            Some((
                "ok=1,token=YWJj==,%41=4,empty=",
                json!({"ok": "1", "token": "YWJj==", "%41": "4", "empty": ""}),
            )),
        ),
        // Encoded separators separate nothing; bad UTF-8 becomes U+FFFD; a lone % stays.
        (
            &[("baggage", b"list=1%2Cadmin%3Dyes%3Bz,bad=%FFx,part=%e2%82,rate=100%,plus=a+b")],
            Some("list=1%2Cadmin%3Dyes%3Bz,bad=%FFx,part=%e2%82,rate=100%,plus=a+b"),
            Some((
                "list=1%2Cadmin=yes;z,bad=\u{fffd}x,part=\u{fffd},rate=100%,plus=a+b",
                json!({
                    "list": "1,admin=yes;z", "bad": "\u{fffd}x", "part": "\u{fffd}", "rate": "100%", "plus": "a+b",
                }),
            )),
        ),
        // Control characters, encoded and raw, quotes and what turns a line around.
        (
            &[("baggage", b"a=1%0D%0A%7B%22level%22%3A%22ERROR%22%7D%00%1B%5B2J%E2%80%AE")],
            Some("a=1%0D%0A%7B%22level%22%3A%22ERROR%22%7D%00%1B%5B2J%E2%80%AE"),
            Some((
                "a=1\r\n{\"level\":\"ERROR\"}\0\u{1b}[2J\u{202e}",
                json!({"a": "1\r\n{\"level\":\"ERROR\"}\0\u{1b}[2J\u{202e}"}),
            )),
        ),
        (
            &[("baggage", b"a=1\r\n{\"level\":\"ERROR\"};p\0=q,b=\xff\xfe,c=\x1b[31m\\\",d=\xc2\x85")],
            Some("a=1%0D%0A{\"level\":\"ERROR\"};p%00=q,b=%FF%FE,c=%1B[31m\\\",d=%C2%85"),
            Some((
                "a=1\r\n{\"level\":\"ERROR\"},b=\u{fffd}\u{fffd},c=\u{1b}[31m\\\",d=\u{85}",
                json!({
                    "a": "1\r\n{\"level\":\"ERROR\"}", "b": "\u{fffd}\u{fffd}", "c": "\u{1b}[31m\\\"", "d": "\u{85}",
                }),
            )),
        ),
        (
            &[("baggage", b"bookingId=forged,outcome=forged,msg=forged")],
            Some("bookingId=forged,outcome=forged,msg=forged"),
            Some((
                "bookingId=forged,outcome=forged,msg=forged",
                json!({"bookingId": "forged", "outcome": "forged", "msg": "forged"}),
            )),
        ),
    ]
}

/// One record of each case; every second one is dead: baggage does not depend on the payload.
fn messages(cases: &[Case]) -> Vec<Message> {
    let message = |(index, (headers, ..)): (usize, &Case)| {
        let event = booking(&format!("b{index}"));
        let bare = if index % 2 == 0 {
            Message::event(&event)
        } else {
            Message::bytes("?").key(format!("b{index}"))
        };
        headers.iter().fold(bare, |message, (name, value)| message.header(name, value))
    };
    cases.iter().enumerate().map(message).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baggage_reaches_the_log_line_decoded_and_the_ledger_as_it_came() {
    let world = World::new(1).await;
    let cases = cases();
    let places = world.produce_all(&world.bookings, &messages(&cases)).await;
    let worker = world.worker();
    world.settled().await;
    let ledger = world.ledger().await;
    let text = worker.stop_and_show().await;
    assert_lines_are_whole(&text);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(of_records(&lines).len(), cases.len());
    for ((place, entry), (headers, kept, logged)) in places.iter().zip(&ledger).zip(&cases) {
        assert_eq!(entry.baggage.as_deref(), *kept, "{headers:?}");
        let line = about(&lines, &world.bookings, *place);
        assert_eq!(shown(line, "baggage"), logged.as_ref().map(|(text, _)| *text), "{headers:?}");
        assert_eq!(line.get("baggageMembers"), logged.as_ref().map(|(_, members)| members), "{headers:?}");
        assert_eq!((&line["bookingId"], &line["offset"]), (&json!(entry.subject), &json!(entry.offset)));
    }

    // For a person's eyes, too, a record is one line.
    let pretty = world.worker_with(&[("LOG_FORMAT", "pretty"), ("KAFKA_GROUP_ID", "pretty")]);
    let applied = "SELECT 1 FROM worker.positions WHERE group_id = 'pretty' AND next_offset = $1";
    let end = i64::try_from(cases.len()).unwrap();
    crate::support::eventually("another group to come as far", async || {
        world.database.query_opt(applied, &[&end]).await
    })
    .await;
    let text = pretty.stop_and_show().await;
    assert_lines_are_whole(&text);
    let records = text.lines().filter(|line| line.contains("booking d")).count();
    assert_eq!(records, cases.len(), "{text}");
}

/// No byte of a header ends a line, acts on a terminal or turns the text around.
fn assert_lines_are_whole(text: &str) {
    let acting = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!text.contains(acting), "{text:?}");
    let forged = |line: &str| line.starts_with("{\"level\"") || line.starts_with("X-");
    assert!(!text.lines().any(forged), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_shows_only_the_members_that_the_setting_allows() {
    let world = World::new(1).await;
    let dressed = |id: &str, baggage: &str| Message::event(&booking(id)).header("baggage", baggage);
    let messages = [
        dressed("b0", "tenant=acme;secret=s3cr3t,card=4111,requestId=r%2D17"),
        dressed("b1", "card=4111"),
        dressed("b2", "Tenant=acme,requestid=r"),
    ];
    let places = world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker_with(&[("BAGGAGE_LOG_KEYS", " tenant, requestId ,")]);
    world.settled().await;
    let text = worker.stop_and_show().await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |index: usize| about(&lines, &world.bookings, places[index]);
    assert_eq!(shown(line(0), "baggage"), Some("tenant=acme,requestId=r-17"));
    assert_eq!(line(0)["baggageMembers"], json!({"tenant": "acme", "requestId": "r-17"}));
    for index in [1, 2] {
        assert_eq!((line(index).get("baggage"), line(index).get("baggageMembers")), (None, None));
    }
    assert!(!text.contains("4111") && !text.contains("s3cr3t"), "{text}");
    // The ledger is for the other services: it keeps all.
    let kept: Vec<Option<String>> = world.ledger().await.into_iter().map(|entry| entry.baggage).collect();
    let all =
        ["tenant=acme;secret=s3cr3t,card=4111,requestId=r%2D17", "card=4111", "Tenant=acme,requestid=r"];
    assert_eq!(kept, all.map(|text| Some(text.to_owned())));
}
