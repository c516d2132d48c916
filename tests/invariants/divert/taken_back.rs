//! Records whose overlay is gone: found in the shared ledger, and applied by the shared worker when a person says so.

use serde_json::{Value, json};

use super::{begins, overlay};
use crate::support::{Message, World, booking, cancellation, eventually, stack};

fn of_ana(event: &Value) -> Message {
    Message::event(event).header("baggage", "tenant=acme,okteto-divert=an%61")
}

const SELECT: [&str; 6] = ["held", "redrive", "--status", "diverted", "--namespace", "ana"];

/// A shared worker that has left to `ana`: the bookings `b1`, `b2` of an unknown user, `b3` that is no JSON and a
/// cancellation of `b1`; and one to `bo`. It has applied `b0` itself.
async fn diverted() -> World {
    let world = World::new(1).await;
    let worker = world.worker();
    let mut unknown = booking("b2");
    unknown["userId"] = json!("nobody");
    let messages = [
        Message::event(&booking("b0")),
        of_ana(&booking("b1")),
        of_ana(&unknown),
        Message::bytes("{").key("b3").header("baggage", "okteto-divert=ana"),
        Message::event(&booking("b4")).header("baggage", "okteto-divert=bo"),
    ];
    world.produce_all(&world.bookings, &messages).await;
    world.produce(&world.cancellations, &of_ana(&cancellation("b1", "ana"))).await;
    world.settled().await;
    worker.stop().await;
    world
}

async fn story(world: &World, topic: &str, offset: i64) -> Vec<String> {
    let ledger = world.ledger().await;
    let own = ledger.iter().filter(|entry| entry.topic == topic && entry.offset == offset);
    own.map(crate::support::Entry::verdict).collect()
}

async fn bookings_made(world: &World) -> i64 {
    world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap().get(0)
}

fn outcomes(report: &Value) -> Vec<String> {
    let text = |record: &Value, member: &str| record[member].as_str().unwrap_or("-").to_owned();
    let records = report["records"].as_array().unwrap();
    records
        .iter()
        .map(|record| [text(record, "subject"), text(record, "outcome"), text(record, "reason")].join(" "))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_overlay_has_left_is_found_by_list_and_explain() {
    let world = diverted().await;
    let text = world.command_text(&["held", "list", "--status", "diverted", "--namespace", "ana"]).await;
    let lines: Vec<&str> = text.lines().map(|line| line.split("  TIME").next().unwrap()).collect();
    let expected = [
        "RECORD  BOOKING  NAMESPACE  DIVERTED  AGE",
        "booking-events/0@1  b1  ana",
        "booking-events/0@2  b2  ana",
        "booking-events/0@3  b3  ana",
        "booking-cancellations/0@0  b1  ana",
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    assert!(expected.iter().all(|line| lines.contains(line)), "{text}");
    let shown = world.command_json(&["held", "list", "--status", "diverted"]).await;
    let namespaces: Vec<&str> = shown["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["namespace"].as_str().unwrap())
        .collect();
    assert_eq!(namespaces.len(), 5);
    assert!(namespaces.contains(&"bo") && shown["more"] == json!(false), "{shown}");
    let shown = world.command_json(&["held", "list", "--status", "diverted", "--limit", "2"]).await;
    assert_eq!((shown["records"].as_array().unwrap().len(), &shown["more"]), (2, &json!(true)));
    let none = world.command_text(&["held", "list", "--status", "diverted", "--namespace", "an"]).await;
    assert!(none.starts_with("no such record is diverted"), "{none}");

    let told = world.command_text(&["explain", "b1"]).await;
    assert!(told.contains("It is meant for the worker of the namespace ana."), "{told}");
    assert!(told.contains("held redrive"), "{told}");
    let told = world.command_json(&["explain", "b1"]).await;
    assert_eq!(told["revisions"][0]["namespace"], json!("ana"));
    for wrong in [
        &["held", "list", "--namespace", "ana"][..],
        &["held", "list", "--status", "diverted", "--status", "dead"],
        &["held", "redrive", "--status", "diverted", "--reason", "x"],
        &["held", "discard", "--status", "diverted", "--all"],
    ] {
        let said = world.command(wrong).await;
        assert_eq!((said.code, &*said.out), (Some(1), ""), "{wrong:?}: {said:?}");
    }
    let said = world.command_with(&SELECT, &overlay("bo", "group-bo")).await;
    assert!(said.code == Some(1) && said.err.contains("only the shared worker"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_changes_nothing_and_the_redrive_applies_each_record_once() {
    let world = diverted().await;
    let before = (world.ledger().await, world.held().await);
    let rehearsed = world.command_json(&[&SELECT[..], &["--dry-run"]].concat()).await;
    let expected = [
        "b1 accepted -",
        "b2 held unknown_user",
        "b3 dead undecodable",
        // Another transaction's booking is not seen in a rehearsal.
        "b1 held unknown_booking",
    ];
    assert_eq!(outcomes(&rehearsed), expected);
    assert_eq!((world.ledger().await, world.held().await), before);

    let done = world.command_json(&SELECT).await;
    assert_eq!(outcomes(&done)[..3], expected[..3]);
    assert_eq!(outcomes(&done)[3], "b1 cancelled -");
    assert_eq!(story(&world, &world.bookings, 1).await, ["diverted", "redriven", "accepted"]);
    assert_eq!(story(&world, &world.bookings, 2).await, ["diverted", "redriven", "held:unknown_user"]);
    assert_eq!(story(&world, &world.bookings, 3).await, ["diverted", "redriven", "dead:undecodable"]);
    assert_eq!(story(&world, &world.bookings, 4).await, ["diverted"]);
    assert_eq!(story(&world, &world.cancellations, 0).await, ["diverted", "redriven", "cancelled"]);
    let again = world.command_text(&SELECT).await;
    assert!(again.starts_with("no such record is diverted"), "{again}");
    let held = world.held().await;
    let headers = held.iter().find(|held| held.subject == "b2").unwrap();
    assert_eq!((headers.status.as_str(), headers.payload.is_some()), ("waiting", true));

    // What waits is the shared worker's from now on, whatever its baggage says.
    world
        .database
        .batch_execute("INSERT INTO users (email, username) VALUES ('n@x', 'nobody')")
        .await
        .unwrap();
    world
        .database
        .execute("UPDATE worker.held SET next_attempt_at = now() WHERE status = 'waiting'", &[])
        .await
        .unwrap();
    let worker = world.worker();
    eventually("the sweeper to apply it", async || {
        let story = story(&world, &world.bookings, 2).await;
        if story.last().is_some_and(|last| last == "accepted") { Ok(Some(())) } else { Err(story) }
    })
    .await;
    worker.stop().await;
    assert_eq!(bookings_made(&world).await, 3);
    let verified = world.command(&["verify", "--records"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_own_worker_has_taken_is_neither_listed_nor_redriven() {
    let mut world = World::new(1).await;
    let shared = world.worker();
    let mut ana = world.worker_with(&overlay("ana", "group-ana-taken"));
    begins(&mut ana).await;
    let own = world.group.clone();
    world.produce(&world.bookings, &of_ana(&booking("b1"))).await;
    world.settled().await;
    world.group = "group-ana-taken".to_owned();
    world.settled().await;
    ana.stop().await;
    world.group = own;
    world.produce(&world.bookings, &of_ana(&booking("b2"))).await;
    world.settled().await;
    let shown = world.command_json(&["held", "list", "--status", "diverted"]).await;
    assert_eq!(shown["records"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(shown["records"][0]["subject"], json!("b2"));
    // Beside the running shared worker.
    assert_eq!(outcomes(&world.command_json(&SELECT).await), ["b2 accepted -"]);
    // The overlay comes back all the same: it finds the booking made.
    let ana = world.worker_with(&overlay("ana", "group-ana-taken"));
    world.group = "group-ana-taken".to_owned();
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted", "duplicate"]);
    assert_eq!(bookings_made(&world).await, 2);
    let verified = world.command(&["verify", "--records", "--all-groups"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    ana.stop().await;
    shared.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_retention_has_taken_or_another_in_its_place_is_passed_over_with_the_reason() {
    let world = diverted().await;
    world.admin().delete_records(&world.bookings, 0, 3).await.unwrap();
    // As if the topic had been made anew: the ledger speaks of another record.
    let forge = "UPDATE worker.ledger SET subject = 'other' WHERE topic = $1 AND record_offset = 3";
    world.database.execute(forge, &[&world.bookings]).await.unwrap();
    let report = world.command_json(&[&SELECT[..], &["--topic", &world.bookings]].concat()).await;
    let told = outcomes(&report);
    assert_eq!(told.len(), 3, "{report}");
    for line in &told[..2] {
        assert!(
            line.contains("passed over the topic's retention has taken it: the topic begins at 3"),
            "{line}"
        );
    }
    assert!(told[2].contains("other bytes stand there now"), "{}", told[2]);
    assert_eq!(bookings_made(&world).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redrives_at_once_and_one_that_is_killed_apply_each_record_once() {
    let world = World::new(2).await;
    let worker = world.worker();
    let many = 700;
    let message =
        |index: usize| of_ana(&booking(&format!("b{index}"))).partition(i32::try_from(index % 2).unwrap());
    let messages: Vec<Message> = (0..many).map(message).collect();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    // The first is killed while it waits for the bookings, the ledger's rows being written in the same transaction.
    let mut connection = stack().await.postgres.connect(&world.database_name).await.unwrap();
    let lock = connection.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE public.bookings IN SHARE MODE").await.unwrap();
    let mut killed = world.run(&SELECT, &[]);
    let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'public.bookings'::regclass";
    eventually("the redrive to wait", async || world.database.query_opt(waiting, &[]).await).await;
    killed.kill().await;
    lock.rollback().await.unwrap();

    let (one, two) = tokio::join!(world.command(&SELECT), world.command(&SELECT));
    assert_eq!((one.code, two.code), (Some(0), Some(0)), "{one:?} {two:?}");
    let rest = world.command(&SELECT).await;
    assert_eq!(rest.code, Some(0), "{rest:?}");
    for entry in world.ledger().await {
        let expected = ["diverted", "redriven", "accepted"][usize::try_from(entry.revision).unwrap()];
        assert_eq!(entry.outcome, expected);
    }
    assert_eq!(bookings_made(&world).await, i64::try_from(many).unwrap());
    worker.stop().await;
    let verified = world.command(&["verify", "--records"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
