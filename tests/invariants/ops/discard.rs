//! `worker held discard`: given up by a person, on file for ever, and out of others' way.

use serde_json::json;

use super::scene::{everything, held_id, nobody_appears, of_nobody, revisions, set_aside};
use crate::support::{World, booking, cancellation, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_discarded_stays_on_file_with_the_reason_why() {
    let world = set_aside().await;
    let text = world.command_text(&["held", "discard", "2", "99", "--note", "a test, see ticket 815"]).await;
    let expected = "ID  RECORD  BOOKING  OUTCOME  REASON\n2  booking-events/0@2  b3  discarded  -\n\
                    no record 99 waits or is dead\n";
    assert_eq!(text, expected);
    assert_eq!(revisions(&world, &world.bookings, 2).await, ["dead:undecodable", "discarded"]);
    let ledger = world.ledger().await;
    let [dead, discarded] = [0, 1]
        .map(|revision| ledger.iter().find(|entry| (entry.offset, entry.revision) == (2, revision)).unwrap());
    assert_eq!(discarded.detail.as_deref(), Some("a test, see ticket 815"));
    assert_eq!((&discarded.trace_id, &discarded.subject), (&dead.trace_id, &dead.subject));
    let kept = world.held().await.into_iter().find(|held| held.subject == "b3").unwrap();
    assert_eq!((&*kept.status, kept.payload.as_deref()), ("discarded", Some(b"{".as_slice())));

    // Once more finds nothing to do, and that is no fault.
    let before = everything(&world).await;
    for arguments in [&["2"][..], &["--reason", "undecodable"]] {
        let said = world.command(&[&["held", "discard"], arguments].concat()).await;
        assert_eq!((said.code, &*said.err), (Some(0), ""), "{said:?}");
        assert!(said.out.starts_with("no "), "{said:?}");
    }
    assert_eq!(everything(&world).await, before);
    let shown = world.command_json(&["held", "discard", "--booking", "b2", "--status", "waiting"]).await;
    assert_eq!(shown["selected"], json!(2));
    assert_eq!(shown["outcomes"], json!([{"outcome": "discarded", "reason": null, "records": 2}]));
    assert_eq!(world.command_json(&["held", "list"]).await["total"], json!(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discarding_a_booking_releases_what_queued_behind_it() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book(&of_nobody("b1")).await;
    world.settled().await;
    world.book(&booking("b1")).await;
    world.settled().await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["held:unknown_user", "held:queued"]);
    let first = world.command_json(&["held", "list", "--reason", "unknown_user"]).await;
    let id = first["records"][0]["id"].to_string();
    // The sweeper does what is released: the waits of an hour are over at once.
    world.command_text(&["held", "discard", &id]).await;
    eventually("the queue to move on", async || {
        let done = world.held().await.iter().all(|held| held.status == "discarded");
        Ok::<_, ()>(done.then_some(()))
    })
    .await;
    assert_eq!(revisions(&world, &world.bookings, 0).await, ["held:unknown_user", "discarded"]);
    assert_eq!(revisions(&world, &world.bookings, 1).await, ["held:queued", "accepted"]);
    let last = revisions(&world, &world.cancellations, 0).await;
    assert_eq!((last.first().unwrap().as_str(), last.last().unwrap().as_str()), ("held:queued", "cancelled"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_work_on_is_passed_over_without_waiting() {
    let world = set_aside().await;
    nobody_appears(&world).await;
    let id = held_id(&world, "b3").await;
    let other = world.another_connection().await;
    other.batch_execute("BEGIN").await.unwrap();
    other.execute("SELECT FROM worker.held WHERE id = $1 FOR UPDATE", &[&id]).await.unwrap();
    let before = everything(&world).await;
    for command in ["discard", "redrive"] {
        let shown = world.command_json(&["held", command, &id.to_string()]).await;
        assert_eq!(shown["records"][0]["outcome"], json!("passed over"), "{shown}");
    }
    assert_eq!(everything(&world).await, before);
    other.batch_execute("ROLLBACK").await.unwrap();
}
