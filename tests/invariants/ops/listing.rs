//! `worker held list`, `show` and `accept`.

use serde_json::{Value, json};

use super::scene::set_aside;
use crate::support::{World, names};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_shows_what_waits_or_is_dead_and_each_filter_fits() {
    let world = set_aside().await;
    let title = "ID  RECORD  BOOKING  REASON  STATUS  TRIES  AGE  NEXT TRY\n";
    let rows = [
        "1  booking-events/0@1  b2  unknown_user  waiting  0  2h 5m  in 1h 30m\n",
        "2  booking-events/0@2  b3  undecodable  dead  0  2h 5m  -\n",
        "3  booking-events/0@3  b4  invalid_dates  dead  0  2h 5m  -\n",
        "4  booking-cancellations/0@0  b2  queued  waiting  0  2h 5m  in 1h 30m\n",
    ];
    for (arguments, expected) in [
        (&[][..], &[0, 1, 2, 3][..]),
        (&["--status", "dead"], &[1, 2]),
        (&["--status", "waiting"], &[0, 3]),
        (&["--status", "dead", "--status", "waiting"], &[0, 1, 2, 3]),
        (&["--reason", "undecodable"], &[1]),
        (&["--topic", &world.cancellations], &[3]),
        (&["--subject", "b2"], &[0, 3]),
        (&["--booking", "b2", "--status", "waiting", "--reason", "queued"], &[3]),
        (&["--older-than", "2h"], &[0, 1, 2, 3]),
        (&["--older-than", "2h", "--limit", "4"], &[0, 1, 2, 3]),
    ] {
        let shown = world.command_text(&[&["held", "list"], arguments].concat()).await;
        let expected: String = expected.iter().map(|index| rows[*index]).collect();
        assert_eq!(shown, format!("{title}{expected}"), "{arguments:?}");
    }
    for nothing in
        [&["--older-than", "3h"][..], &["--status", "discarded"], &["--reason", "x"], &["--topic", "x"]]
    {
        let shown = world.command_text(&[&["held", "list"], nothing].concat()).await;
        assert_eq!(shown, "no such record is set aside\n", "{nothing:?}");
        let shown = world.command_json(&[&["held", "list"], nothing].concat()).await;
        assert_eq!(shown, json!({"records": [], "total": 0}));
    }
    let shown = world.command_text(&["held", "list", "--limit", "1"]).await;
    assert_eq!(shown, format!("{title}{}… and 3 records more; --limit shows more of them\n", rows[0]));

    let mut shown = world.command_json(&["held", "list", "--limit", "2"]).await;
    for record in shown["records"].as_array_mut().unwrap() {
        let since: &str = record["heldSince"].as_str().unwrap();
        assert!(since.ends_with('Z') && since.contains('T'), "{since}");
        record["heldSince"] = Value::Null;
    }
    assert!(shown["records"][0]["nextAttemptAt"].is_string());
    shown["records"][0]["nextAttemptAt"] = json!("then");
    let expected = json!({"total": 4, "records": [
        {"id": 1, "topic": world.bookings, "partition": 0, "offset": 1, "subject": "b2", "reason": "unknown_user",
         "status": "waiting", "attempts": 0, "heldSince": null, "nextAttemptAt": "then"},
        {"id": 2, "topic": world.bookings, "partition": 0, "offset": 2, "subject": "b3", "reason": "undecodable",
         "status": "dead", "attempts": 0, "heldSince": null, "nextAttemptAt": null},
    ]});
    assert_eq!(shown, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_shown_with_its_headers_its_payload_and_its_story() {
    let world = set_aside().await;
    let shown = world.command_text(&["held", "show", "1"]).await;
    let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with("produced")).collect();
    let expected = [
        "Record 1: waiting, unknown_user",
        "",
        "record  booking-events/0@1",
        "booking  b2",
        "set aside  TIME, 2h 5m ago",
        "tries  0",
        "next try  TIME",
        "holds back  later records of this booking queue behind it",
        "key  b2",
        "headers  baggage: tenant=acme",
        "    empty (no value)",
        "",
        "Payload",
        "{",
        "    \"bookingId\": \"b2\",",
        "    \"endDate\": \"2027-01-18T11:00:00Z\",",
        "    \"guests\": 2,",
        "    \"paymentId\": \"pay_789\",",
        "    \"roomId\": \"room_ocean_001\",",
        "    \"startDate\": \"2027-01-15T15:00:00Z\",",
        "    \"userId\": \"nobody\"",
        "}",
        "",
        "Story",
        "TIME  REVISION  OUTCOME  REASON",
        "TIME  0  held  unknown_user",
    ];
    assert_eq!(lines, expected, "{shown}");
    let dead = world.command_text(&["held", "show", "3"]).await;
    assert!(dead.ends_with(
        "TIME  0  dead  invalid_dates\n    the stay ends on 2027-01-15, which is not after its start on 2027-01-15\n"
    ), "{dead}");

    let shown = world.command_json(&["held", "show", "1"]).await;
    assert_eq!(
        shown["headers"],
        json!([
            {"name": "baggage", "value": {"text": "tenant=acme"}}, {"name": "empty", "value": null},
        ])
    );
    let payload: Value = serde_json::from_str(shown["payload"]["text"].as_str().unwrap()).unwrap();
    assert_eq!((&payload["userId"], &shown["key"]["text"]), (&json!("nobody"), &json!("b2")));
    assert_eq!((&shown["story"][0]["outcome"], &shown["holdsBack"]), (&json!("held"), &json!(true)));
    let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    let expected = [
        "attempts",
        "headers",
        "heldSince",
        "holdsBack",
        "id",
        "key",
        "nextAttemptAt",
        "offset",
        "partition",
        "payload",
        "reason",
        "status",
        "story",
        "subject",
        "timestamp",
        "topic",
        "updatedAt",
    ];
    assert_eq!(keys, expected);

    for arguments in [&["held", "show", "99"][..], &["held", "show", "99", "--json"]] {
        let said = world.command(arguments).await;
        assert_eq!((said.code, &*said.out), (Some(1), ""));
        assert!(said.err.starts_with("worker: no record 99 is set aside"), "{said:?}");
    }
    let said = world.command_with(&["held", "show", "1"], &[("KAFKA_GROUP_ID", "another")]).await;
    assert_eq!(said.code, Some(1), "another group's record was shown: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepting_marks_the_dead_below_the_position_while_the_worker_runs() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book_all(0, names("b", 3)).await;
    world.settled().await;
    let text = world.command_text(&["held", "accept", &world.bookings, "0"]).await;
    assert_eq!(text, "booking-events/0: dead records below offset 3 no longer count towards the limit\n");
    let accepted = async || -> Vec<i64> {
        let sql = "SELECT dead_accepted_below FROM worker.positions WHERE group_id = $1 AND topic = $2";
        let rows = world.database.query(sql, &[&world.group, &world.bookings]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(accepted().await, [3]);
    world.book_all(0, names("c", 2)).await;
    world.settled().await;
    assert_eq!(accepted().await, [3], "the lane leaves it as it is");
    let shown = world.command_json(&["held", "accept", &world.bookings, "0"]).await;
    assert_eq!(shown, json!({"topic": world.bookings, "partition": 0, "acceptedBelow": 5}));
    let said = world.command(&["held", "accept", &world.bookings, "7"]).await;
    assert_eq!((said.code, &*said.out), (Some(1), ""));
    assert!(said.err.contains("has no position"), "{said:?}");
    worker.stop().await;
    assert!(world.held().await.is_empty());
}
