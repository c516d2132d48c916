//! `worker held redrive`: a rehearsal that predicts, and a redrive that keeps place and story.

use serde_json::{Value, json};

use super::scene::{everything, nobody_appears, of_nobody, revisions, set_aside};
use crate::support::{Message, World, booking};

const REFUSAL: &str = "ALTER TABLE bookings ADD CONSTRAINT few CHECK (number_of_guests < 5)";

/// A world whose database refused these bookings, and now would take them.
async fn refused(names: &[&str]) -> World {
    let world = World::new(1).await;
    world.database.batch_execute(REFUSAL).await.unwrap();
    let event = |name: &&str| {
        let mut event = booking(name);
        event["guests"] = json!(5);
        Message::event(&event)
    };
    let messages: Vec<Message> = names.iter().map(event).collect();
    let worker = world.worker();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    worker.stop().await;
    world.database.batch_execute("ALTER TABLE bookings DROP CONSTRAINT few").await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_after_the_cause_was_mended_keeps_place_and_story() {
    let world = refused(&["b1", "b2"]).await;
    assert_eq!(world.verdicts(&world.bookings).await, ["dead:refused_by_database"; 2]);
    let text = world.command_text(&["held", "redrive", "--reason", "refused_by_database"]).await;
    let expected = "ID  RECORD  BOOKING  OUTCOME  REASON\n\
                    1  booking-events/0@0  b1  accepted  -\n2  booking-events/0@1  b2  accepted  -\n";
    assert_eq!(text, expected);
    for offset in [0, 1] {
        let revisions = revisions(&world, &world.bookings, offset).await;
        assert_eq!(revisions, ["dead:refused_by_database", "redriven", "accepted"]);
    }
    let statuses: Vec<String> = world.held().await.into_iter().map(|held| held.status).collect();
    assert_eq!(statuses, ["redriven"; 2]);
    assert_eq!(world.bookings_made().await, 2);
    // Once more: nothing is dead any more.
    let text = world.command_text(&["held", "redrive", "--all"]).await;
    assert_eq!(text, "no such record waits or is dead; nothing to do\n");
    let text = world.command_text(&["held", "redrive", "1"]).await;
    assert_eq!(text, "no record 1 waits or is dead\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_changes_nothing_and_predicts_what_the_redrive_does() {
    let world = refused(&["b1", "b2"]).await;
    let mut unknown_room = booking("b3");
    unknown_room["roomId"] = json!("nowhere");
    let messages = [
        Message::event(&of_nobody("b4")),
        Message::event(&unknown_room),
        Message::bytes("{").key("b5"),
        Message::event(&booking("b1")),
    ];
    let worker = world.worker();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    worker.stop().await;
    nobody_appears(&world).await;
    // Still refused, and found among the others.
    world
        .database
        .batch_execute("ALTER TABLE bookings ADD CONSTRAINT no_b2 CHECK (booking_id <> 'b2')")
        .await
        .unwrap();

    let before = everything(&world).await;
    let select = ["held", "redrive", "--status", "dead", "--status", "waiting"];
    let rehearsed = world.command_json(&[&select[..], &["--dry-run"]].concat()).await;
    let text = world.command_text(&[&select[..], &["--dry-run"]].concat()).await;
    assert!(text.ends_with("a rehearsal: nothing was changed\n"), "{text}");
    assert!(text.contains("1 record: would wait for what is still unknown"), "{text}");
    assert_eq!(everything(&world).await, before);
    let done = world.command_json(&select).await;
    assert_eq!((&rehearsed["dryRun"], &done["dryRun"]), (&json!(true), &json!(false)));
    for member in ["records", "outcomes", "selected", "notFound", "fault"] {
        assert_eq!(rehearsed[member], done[member], "{member}");
    }
    let outcome = |record: &Value| {
        let text = |member: &str| record[member].as_str().unwrap_or("-").to_owned();
        (text("subject"), text("outcome"), text("reason"))
    };
    let outcomes: Vec<_> = done["records"].as_array().unwrap().iter().map(outcome).collect();
    let expected = [
        // The booking of the same id that came later stands by now, with other content.
        ("b1", "rejected", "conflicting_booking"),
        ("b2", "dead", "refused_by_database"),
        ("b4", "accepted", "-"),
        ("b3", "held", "unknown_room"),
        ("b5", "dead", "undecodable"),
    ];
    assert_eq!(outcomes, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())), "{done}");
    assert_eq!(revisions(&world, &world.bookings, 2).await, ["held:unknown_user", "accepted"]);
    assert_eq!(revisions(&world, &world.bookings, 3).await, ["held:unknown_room"], "no news");
    assert_eq!(
        revisions(&world, &world.bookings, 1).await,
        ["dead:refused_by_database", "redriven", "dead:refused_by_database"]
    );
    assert_eq!((&done["selected"], &done["notFound"]), (&json!(5), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_redriven_in_parts_and_summed_up() {
    let world = World::new(1).await;
    world.database.batch_execute(REFUSAL).await.unwrap();
    let many = 1_205;
    let event = |index: usize| {
        let mut event = booking(&format!("b{index}"));
        event["guests"] = json!(9);
        Message::event(&event)
    };
    let worker = world.worker_with(&[("DEAD_LIMIT_RUN", "100000"), ("DEAD_LIMIT_WINDOW", "100000")]);
    let messages: Vec<Message> = (0..many).map(event).chain([Message::bytes("{")]).collect();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    worker.stop().await;
    world.database.batch_execute("ALTER TABLE bookings DROP CONSTRAINT few").await.unwrap();
    let summed =
        |last: &str| format!("OUTCOME  REASON  RECORDS\naccepted  -  1205\ndead  undecodable  1\n{last}");
    let text = world.command_text(&["held", "redrive", "--all", "--dry-run"]).await;
    assert_eq!(text, summed("\na rehearsal: nothing was changed\n"));
    assert_eq!(world.bookings_made().await, 0);
    assert_eq!(world.command_text(&["held", "redrive", "--all"]).await, summed(""));
    assert_eq!(world.bookings_made().await, 1_205);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_create_and_what_queued_behind_it_are_redriven_in_order() {
    let world = set_aside().await;
    nobody_appears(&world).await;
    let shown = world.command_json(&["held", "redrive", "--booking", "b2", "--status", "waiting"]).await;
    let outcomes = json!([
        {"outcome": "accepted", "reason": null, "records": 1}, {"outcome": "cancelled", "reason": null, "records": 1},
    ]);
    assert_eq!(shown["outcomes"], outcomes, "{shown}");
    assert_eq!(revisions(&world, &world.bookings, 1).await, ["held:unknown_user", "accepted"]);
    assert_eq!(revisions(&world, &world.cancellations, 0).await, ["held:queued", "cancelled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_topic_that_is_no_longer_read_is_passed_over() {
    let world = set_aside().await;
    let before = everything(&world).await;
    let said =
        world.command_with(&["held", "redrive", "2"], &[("KAFKA_BOOKING_TOPIC", "booking-events-new")]).await;
    assert_eq!((said.code, &*said.err), (Some(0), ""), "{said:?}");
    let text = world.plain(&said.out);
    assert!(text.contains("2  booking-events/0@2  b3  passed over  "), "{text}");
    assert_eq!(everything(&world).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_fault_what_was_done_before_it_is_told() {
    let world = set_aside().await;
    nobody_appears(&world).await;
    // Bookings may be made, but not cancelled.
    let refusal = "CREATE FUNCTION no_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'no_change' USING ERRCODE = 'insufficient_privilege';
         END $$;
         CREATE TRIGGER no_change BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION no_change()";
    world.database.batch_execute(refusal).await.unwrap();
    let said = world.command(&["held", "redrive", "--status", "waiting", "--json"]).await;
    assert_eq!((said.code, said.err.lines().count()), (Some(1), 1), "{said:?}");
    assert!(said.err.contains("no_change (SQLSTATE 42501)"), "{said:?}");
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["outcomes"], json!([{"outcome": "accepted", "reason": null, "records": 1}]));
    assert!(shown["fault"].as_str().unwrap().contains("no_change"), "{shown}");
    assert_eq!(revisions(&world, &world.bookings, 1).await, ["held:unknown_user", "accepted"]);
    assert_eq!(revisions(&world, &world.cancellations, 0).await, ["held:queued"]);
}
