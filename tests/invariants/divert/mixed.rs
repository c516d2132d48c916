//! Shared worker and overlays on mixed traffic: whatever the headers look like, each record is one worker's.

use percent_encoding::percent_encode_byte;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::{begins, overlay};
use crate::support::{Message, World, booking};

const GROUPS: [(&str, Option<&str>); 3] =
    [("mixed-shared", None), ("mixed-ana", Some("ana")), ("mixed-bo", Some("bo"))];

/// Whose a record is meant to be; the last has no worker.
const OWNERS: [Option<&str>; 4] = [None, Some("ana"), Some("bo"), Some("gone")];

const RECORDS: usize = 300;

/// A record of an owner, dressed in one of many ways that all say the same.
fn record(index: usize) -> impl Strategy<Value = (Option<&'static str>, Message)> {
    let name = prop_oneof![Just("baggage"), Just("Baggage"), Just("BAGGAGE"), Just("bAgGaGe")];
    let noise = prop::collection::vec(
        prop_oneof![
            Just("tenant=acme"),
            Just("x-okteto-divert=bo"),
            Just("okteto-divert-to=ana"),
            Just("note=okteto-divert%3Dana"),
            Just("tenant=acme;okteto-divert=bo"),
            Just("Okteto-Divert=ana"),
            Just("broken"),
            Just(""),
        ],
        0..4,
    );
    let shape =
        (prop::sample::select(&OWNERS[..]), name, noise, any::<(bool, bool, bool, bool)>(), 0..5_usize);
    shape.prop_map(move |(owner, name, noise, (encoded, property, blanks, split), place)| {
        let mut members: Vec<String> = noise.iter().map(|member| (*member).to_owned()).collect();
        if let Some(owner) = owner {
            let value: String =
                if encoded { owner.bytes().map(percent_encode_byte).collect() } else { owner.to_owned() };
            let gap = if blanks { " " } else { "" };
            let property = if property { ";p=okteto-divert;q" } else { "" };
            let member = format!("{gap}okteto-divert{gap}={gap}{value}{gap}{property}");
            members.insert(place.min(members.len()), member);
        }
        let message =
            Message::event(&booking(&format!("b{index}"))).partition(i32::try_from(index % 3).unwrap());
        let message = if split {
            members.iter().fold(message, |message, member| message.header(name, member))
        } else if members.is_empty() {
            message
        } else {
            message.header(name, members.join(","))
        };
        (owner, message)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_mixed_traffic_each_record_is_applied_by_its_owner_and_recorded_by_all() {
    let mut world = World::new(3).await;
    let mut workers = Vec::new();
    for (group, environment) in GROUPS {
        workers.push(match environment {
            None => world.worker_with(&[("KAFKA_GROUP_ID", group)]),
            Some(environment) => {
                let mut worker = world.worker_with(&overlay(environment, group));
                begins(&mut worker).await;
                worker
            }
        });
    }
    let mut runner = TestRunner::deterministic();
    let drawn: Vec<(Option<&str>, Message)> =
        (0..RECORDS).map(|index| record(index).new_tree(&mut runner).unwrap().current()).collect();
    let messages: Vec<Message> = drawn.iter().map(|(_, message)| message.clone()).collect();
    let places = world.produce_all(&world.bookings, &messages).await;
    // A worker that is killed on the way changes nothing about whose a record is.
    workers[1].kill().await;
    workers[1] = world.worker_with(&overlay("ana", "mixed-ana"));
    let mut accepted = 0;
    for (group, environment) in GROUPS {
        world.group = group.to_owned();
        world.settled().await;
        world.assert_consistent().await;
        let ledger = world.ledger().await;
        assert_eq!(ledger.len(), RECORDS, "{group}");
        for ((owner, message), (partition, offset)) in drawn.iter().zip(&places) {
            let own = ledger.iter().find(|entry| (entry.partition, entry.offset) == (*partition, *offset));
            let expected = if *owner == environment { "accepted" } else { "diverted" };
            assert_eq!(own.unwrap().verdict(), expected, "{group}: {:?}", message.headers);
            accepted += usize::from(*owner == environment);
        }
    }
    let stored: i64 = world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(stored).unwrap(), accepted);
    let gone = drawn.iter().filter(|(owner, _)| *owner == Some("gone")).count();
    assert!(gone > 20 && accepted + gone == RECORDS, "{gone} of {RECORDS} have no worker");
    let verified = world.command(&["verify", "--records", "--all-groups"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_group_sets_aside_is_no_other_groups_to_try() {
    let mut world = World::new(1).await;
    let fast = [("HELD_BACKOFF_MIN", "50ms"), ("HELD_BACKOFF_MAX", "100ms")];
    let mut ana = world.worker_with(&[&overlay("ana", "aside-ana")[..], &fast].concat());
    begins(&mut ana).await;
    let shared = world.worker_with(&[&[("KAFKA_GROUP_ID", "aside-shared")][..], &fast].concat());
    let mut event = booking("b1");
    event["userId"] = "latecomer".into();
    world.produce(&world.bookings, &Message::event(&event).header("baggage", "okteto-divert=ana")).await;
    for group in ["aside-shared", "aside-ana"] {
        world.group = group.to_owned();
        world.settled().await;
    }
    assert_eq!(world.held().await.len(), 1);
    world.group = "aside-shared".to_owned();
    assert!(world.held().await.is_empty());
    world
        .database
        .batch_execute("INSERT INTO users (email, username) VALUES ('l@x', 'latecomer')")
        .await
        .unwrap();
    world.group = "aside-ana".to_owned();
    crate::support::eventually("the overlay to apply it", async || {
        let verdicts = world.verdicts(&world.bookings).await;
        if verdicts == ["held:unknown_user", "accepted"] { Ok(Some(())) } else { Err(verdicts) }
    })
    .await;
    world.group = "aside-shared".to_owned();
    assert_eq!(world.verdicts(&world.bookings).await, ["diverted"]);
    ana.stop().await;
    shared.stop().await;
}
