//! Damage done by hand: each kind is found and named, and nothing else is.

use super::{no_thirteen, refused};
use crate::support::{Message, World, booking, cancellation};

/// The tables as they were, to come back to.
const SAVE: &str = "
    CREATE SCHEMA saved;
    CREATE TABLE saved.ledger AS TABLE worker.ledger;
    CREATE TABLE saved.held AS TABLE worker.held;
    CREATE TABLE saved.positions AS TABLE worker.positions;
    CREATE TABLE saved.bookings AS TABLE public.bookings;";
const RESTORE: &str = "
    TRUNCATE worker.ledger, worker.held, worker.positions, worker.relay, public.bookings;
    INSERT INTO worker.ledger SELECT * FROM saved.ledger;
    INSERT INTO worker.held OVERRIDING SYSTEM VALUE SELECT * FROM saved.held;
    INSERT INTO worker.positions SELECT * FROM saved.positions;
    INSERT INTO public.bookings SELECT * FROM saved.bookings;";

/// A booking of nobody's making.
const FORGED: &str = "INSERT INTO public.bookings
    (booking_id, user_id, room_id, number_of_guests, start_date, end_date, status)
    VALUES ('forged', 1, 1, 2, '2027-01-15', '2027-01-18', '{}')";

/// The statements, the kind of finding, how many, and what the first one names: B and C stand for the topics.
const DAMAGES: [(&str, &str, u64, &str); 24] = [
    ("DELETE FROM worker.ledger WHERE subject = 'b3'", "booking_without_outcome", 1, "b3"),
    ("FORGED", "booking_without_outcome", 1, "forged"),
    ("REFUSED", "booking_without_outcome", 1, "forged"),
    ("UPDATE worker.ledger SET revision = 2 WHERE outcome = 'duplicate'", "revision_gap", 1, "B/0@2 b1"),
    (
        "UPDATE worker.ledger SET revision = revision + 5 WHERE subject = 'b7' AND revision > 0",
        "revision_gap",
        1,
        "B/0@7 b7",
    ),
    (
        "UPDATE worker.positions SET next_offset = 8 WHERE topic = 'B'",
        "outcome_above_position",
        2,
        "B/0@8 b8",
    ),
    ("UPDATE worker.positions SET next_offset = 12 WHERE topic = 'B'", "position_ahead", 1, "B/0"),
    (
        "UPDATE worker.positions SET next_offset = 15, skipped_records = 3 WHERE topic = 'B'",
        "position_ahead",
        1,
        "B/0",
    ),
    ("DELETE FROM worker.positions WHERE topic = 'C'", "outcomes_without_position", 1, "C/0"),
    ("DELETE FROM bookings WHERE booking_id = 'b3'", "accepted_without_booking", 1, "B/0@6 b3"),
    (
        "UPDATE bookings SET status = 'Accepted' WHERE booking_id = 'b0'",
        "cancelled_but_accepted",
        1,
        "C/0@0 b0",
    ),
    ("UPDATE bookings SET status = 'Accepted' WHERE id = 900", "cancelled_but_accepted", 1, "C/0@3 900"),
    (
        "UPDATE worker.ledger SET outcome = 'accepted' WHERE outcome = 'duplicate'",
        "accepted_twice",
        1,
        "B/0@2 b1",
    ),
    (
        "UPDATE worker.ledger SET outcome = 'dupl' WHERE outcome = 'duplicate'",
        "unknown_outcome",
        1,
        "B/0@2 b1",
    ),
    ("UPDATE worker.ledger SET outcome = '' WHERE outcome = 'held'", "unknown_outcome", 2, "C/0@1 b4"),
    (
        "UPDATE worker.ledger SET reason = NULL WHERE reason = 'conflicting_booking'",
        "outcome_without_reason",
        1,
        "B/0@3 b1",
    ),
    ("DELETE FROM worker.held WHERE status = 'waiting'", "held_missing", 2, "C/0@1 b4"),
    ("DELETE FROM worker.held WHERE status = 'discarded'", "held_missing", 1, "B/0@9 b9"),
    ("UPDATE worker.held SET reason = 'x' WHERE status = 'dead'", "held_differs", 1, "B/0@8 b8"),
    (
        "UPDATE worker.held SET status = 'discarded', next_attempt_at = NULL WHERE status = 'waiting'",
        "held_differs",
        2,
        "C/0@1 b4",
    ),
    ("UPDATE worker.held SET status = 'dead' WHERE status = 'redriven'", "held_differs", 1, "B/0@7 b7"),
    (
        "UPDATE worker.held SET record_offset = 99 WHERE status = 'redriven'",
        "held_without_outcome",
        1,
        "B/0@99 b7",
    ),
    (
        "DELETE FROM worker.ledger WHERE subject = 'b8' AND revision = 2",
        "redriven_without_result",
        1,
        "B/0@8 b8",
    ),
    ("INSERT INTO worker.relay VALUES ('G', 1000000)", "relay_ahead", 1, ""),
];

/// What looks odd, and is as it should be.
const NO_DAMAGES: [&str; 4] = [
    // A rule's refusal keeps its row.
    "REFUSED; UPDATE worker.ledger SET outcome = 'rejected', reason = 'room_taken', subject = 'forged'
     WHERE outcome = 'diverted'",
    // Retention has been here.
    "DELETE FROM worker.ledger WHERE topic = 'B' AND record_offset < 7 AND record_offset <> 4;
     UPDATE worker.positions SET pruned_below = 7, pruned_before = now() WHERE topic = 'B'",
    // It has also been at what was redriven and discarded.
    "DELETE FROM worker.ledger WHERE topic = 'B' AND record_offset IN (7, 9);
     UPDATE worker.positions SET pruned_below = 10, pruned_before = now() WHERE topic = 'B'",
    // Records were lost before they were read.
    "UPDATE worker.positions SET next_offset = 15, skipped_records = 5 WHERE topic = 'B'",
];

/// Records with all outcomes: bookings b0 to b9 at the offsets 0 to 9, but for b1's second and third record.
async fn play(world: &World) {
    no_thirteen(world, true).await;
    let nobodys = "INSERT INTO public.bookings (id, user_id, room_id, number_of_guests, start_date, end_date)
                   VALUES (900, 1, 1, 2, '2027-01-15', '2027-01-18')";
    world.database.batch_execute(nobodys).await.unwrap();
    let mut conflicting = booking("b1");
    conflicting["guests"] = 3.into();
    let mut unknown = booking("b2");
    unknown["userId"] = "nobody".into();
    let messages = [
        Message::event(&booking("b0")),
        Message::event(&booking("b1")),
        Message::event(&booking("b1")),
        Message::event(&conflicting),
        Message::event(&unknown),
        Message::event(&booking("b5")).header("baggage", "okteto-divert=elsewhere"),
        Message::event(&booking("b3")),
        refused("b7"),
        Message::bytes("{").key("b8"),
        Message::bytes("{").key("b9"),
    ];
    let worker = world.worker();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    for (id, user) in [("b0", "ana"), ("b4", "ana"), ("b1", "bo"), ("900", "ana")] {
        world.cancel(&cancellation(id, user)).await;
    }
    world.settled().await;
    worker.stop().await;
    let discard = "
        UPDATE worker.held SET status = 'discarded' WHERE subject = 'b9';
        INSERT INTO worker.ledger (group_id, topic, partition, record_offset, revision, subject, outcome)
        SELECT group_id, topic, partition, record_offset, 1, subject, 'discarded'
        FROM worker.held WHERE subject = 'b9'";
    world.database.batch_execute(discard).await.unwrap();
    no_thirteen(world, false).await;
    world.redrive().await;
    let verdicts = world.verdicts(&world.bookings).await;
    let expected = [
        "accepted",
        "accepted",
        "duplicate",
        "rejected:conflicting_booking",
        "held:unknown_user",
        "diverted",
        "accepted",
        "dead:refused_by_database",
        "redriven",
        "accepted",
        "dead:undecodable",
        "redriven",
        "dead:undecodable",
        "dead:undecodable",
        "discarded",
    ];
    assert_eq!(verdicts, expected);
    let verdicts = world.verdicts(&world.cancellations).await;
    assert_eq!(verdicts, ["cancelled", "held:unknown_booking", "rejected:not_owner", "cancelled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_damage_to_the_tables_is_found_and_named_and_nothing_else_is() {
    let world = World::new(1).await;
    play(&world).await;
    world.verify(&["--records"], &[]).await.assert_clean();
    world.database.batch_execute(SAVE).await.unwrap();
    let written = |statements: &str| {
        let statements = statements.replace("FORGED", &FORGED.replace("{}", "Accepted"));
        let statements = statements.replace("REFUSED", &FORGED.replace("{}", "Refused"));
        statements
            .replace("'B'", &format!("'{}'", world.bookings))
            .replace("'C'", &format!("'{}'", world.cancellations))
            .replace("'G'", &format!("'{}'", world.group))
    };
    for (damage, kind, total, named) in DAMAGES {
        world.database.batch_execute(&written(damage)).await.unwrap();
        let told = world.verify(&[], &[]).await;
        assert_eq!((told.code, told.kinds()), (Some(1), vec![(kind, total)]), "{damage}: {:#}", told.report);
        let first = &told.report["findings"][0]["examples"][0];
        let text = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
        let offset = first["offset"].as_i64().map_or_else(String::new, |offset| format!("@{offset}"));
        let partition = first["partition"].as_i64().map_or_else(String::new, |number| format!("/{number}"));
        let place = format!("{}{partition}{offset} {}", text("topic"), text("subject"));
        let place = place.replace(&world.bookings, "B").replace(&world.cancellations, "C");
        assert_eq!(place.trim(), named, "{damage}: {first}");
        assert!(!text("detail").is_empty(), "{damage}");
        world.database.batch_execute(RESTORE).await.unwrap();
    }
    for change in NO_DAMAGES {
        world.database.batch_execute(&written(change)).await.unwrap();
        world.verify(&[], &[]).await.assert_clean();
        world.database.batch_execute(RESTORE).await.unwrap();
    }
    world.verify(&["--records"], &[]).await.assert_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_groups_asked_for_are_verified() {
    let world = World::new(1).await;
    let worker = world.worker();
    world.book(&booking("b1")).await;
    world.settled().await;
    worker.stop().await;
    let others = "
        INSERT INTO worker.ledger (group_id, topic, partition, record_offset, revision, subject, outcome)
        VALUES ('a', 'B', 0, 0, 0, 's', 'diverted'), ('z', 'B', 0, 0, 1, 's', 'diverted');
        INSERT INTO worker.positions (group_id, topic, partition, next_offset)
        VALUES ('a', 'B', 0, 1), ('z', 'B', 0, 1)";
    world.database.batch_execute(others).await.unwrap();
    world.verify(&[], &[]).await.assert_clean();
    let told = world.verify(&["--all-groups"], &[]).await;
    assert_eq!((told.code, told.kinds()), (Some(1), vec![("revision_gap", 1)]), "{:#}", told.report);
    assert_eq!(told.report["groups"], serde_json::json!(["a", world.group, "z"]));
    assert_eq!(told.report["findings"][0]["examples"][0]["group"], "z");
}
