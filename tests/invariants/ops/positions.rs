//! `worker positions`: PostgreSQL's part and Kafka's, side by side.

use serde_json::json;

use crate::support::{World, names};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_partition_is_shown_with_what_postgresql_and_kafka_know_of_it() {
    let world = World::new(2).await;
    world.book_all(0, names("b", 5)).await;
    let worker = world.worker();
    world.settled().await;
    world.kafkas_offset_arrives(&[((world.bookings.clone(), 0), 5)].into()).await;
    worker.stop().await;
    world.book_all(0, names("later", 2)).await;
    world.book_all(1, names("other", 3)).await;
    let sql = "DELETE FROM worker.positions WHERE group_id = $1 AND NOT (topic = $2 AND partition = 0)";
    world.database.execute(sql, &[&world.group, &world.bookings]).await.unwrap();
    let shown = world.command_text(&["positions"]).await;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}");
    assert_eq!(lines[0], "TOPIC  PARTITION  NEXT  COMMITTED  END  LAG  SKIPPED  UPDATED");
    assert_eq!(lines[3], "booking-events  0  5  5  7  2  0  TIME", "{shown}");
    for (line, start, end) in [
        (lines[1], "booking-cancellations  0  -  ", "  0  -  -  -"),
        (lines[2], "booking-cancellations  1  -  ", "  0  -  -  -"),
        (lines[4], "booking-events  1  -  ", "  3  -  -  -"),
    ] {
        assert!(line.starts_with(start) && line.ends_with(end), "{line:?} is not {start:?}…{end:?}");
    }

    let shown = world.command_json(&["positions"]).await;
    assert_eq!((&shown["group"], &shown["kafkaFault"]), (&json!(world.group), &json!(null)));
    let mut first = shown["positions"][2].clone();
    assert!(first["updatedAt"].is_string());
    first["updatedAt"] = json!("then");
    let expected = json!({
        "topic": world.bookings, "partition": 0, "nextOffset": 5, "committedOffset": 5, "firstOffset": 0,
        "endOffset": 7, "lag": 2, "skippedRecords": 0, "deadAcceptedBelow": 0, "updatedAt": "then",
    });
    assert_eq!(first, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_kafka_postgresqls_part_is_shown() {
    let world = World::new(1).await;
    world.book_all(0, names("b", 5)).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    let away = [("KAFKA_BROKERS", "127.0.0.1:1")];
    let said = world.command_with(&["positions"], &away).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(world.plain(&said.out).ends_with("booking-events  0  5  -  -  -  0  TIME\n"), "{said:?}");
    assert!(said.err.starts_with("Kafka: the brokers do not answer"), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    let said = world.command_with(&["positions", "--json"], &away).await;
    let shown: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &shown["positions"][1]["nextOffset"]), (Some(0), &json!(5)));
    assert!(shown["kafkaFault"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_beyond_the_end_is_shown_with_the_way_out() {
    let world = World::new(1).await;
    world.book_all(0, names("b", 2)).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    world.move_position(9).await;
    let shown = world.command_text(&["positions"]).await;
    assert!(shown.contains("booking-events  0  9  2  2  -7  0  TIME\n"), "{shown}");
    assert!(shown.contains("stands beyond the topic's end"), "{shown}");
    assert!(shown.contains("worker positions set booking-events 0 0\n"), "{shown}");
    let said = world.command(&["positions", "set", &world.bookings, "0", "0"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!world.command_text(&["positions"]).await.contains("beyond"));
}
