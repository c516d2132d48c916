//! `worker positions set`: a deliberate replay, and all that it refuses.

use serde_json::json;

use super::scene::revisions;
use crate::support::{World, names};

async fn bookings_position(world: &World) -> Option<i64> {
    let positions = world.positions().await;
    positions.iter().find(|(topic, ..)| *topic == world.bookings).map(|(.., next)| *next)
}

/// Refused while a worker runs, then set, and the records are applied again.
async fn refused_while_live_and_replays_after(protocol: &str) {
    let world = World::new(1).await;
    let settings = [("KAFKA_GROUP_PROTOCOL", protocol)];
    world.book_all(0, names("b", 5)).await;
    let worker = world.worker_with(&settings);
    world.settled().await;
    world.kafkas_offset_arrives(&[((world.bookings.clone(), 0), 5)].into()).await;
    let set = ["positions", "set", &world.bookings, "0", "2"];
    let live = world.command_with(&set, &settings).await;
    assert_eq!((live.code, &*live.out), (Some(1), ""), "{live:?}");
    assert!(live.err.contains("is live: stop all its workers first"), "{live:?}");
    assert_eq!(
        (bookings_position(&world).await, world.committed(&world.bookings).await),
        (Some(5), vec![Some(5)])
    );
    worker.stop().await;

    let said = world.command_with(&set, &settings).await;
    assert_eq!((said.code, &*said.err), (Some(0), ""), "{said:?}");
    let expected = "booking-events/0: 5 → 2\nup to 3 records will be applied again, as next revisions\n";
    assert_eq!(world.plain(&said.out), expected);
    assert_eq!(
        (bookings_position(&world).await, world.committed(&world.bookings).await),
        (Some(2), vec![Some(2)])
    );
    let worker = world.worker_with(&settings);
    world.book_all(0, names("c", 1)).await;
    world.settled().await;
    worker.stop().await;
    for (offset, expected) in [
        (1, &["accepted"][..]),
        (2, &["accepted", "duplicate"]),
        (4, &["accepted", "duplicate"]),
        (5, &["accepted"]),
    ] {
        assert_eq!(revisions(&world, &world.bookings, offset).await, expected, "offset {offset}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_refused_while_the_group_is_live() {
    refused_while_live_and_replays_after("classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_refused_while_the_group_is_live_under_the_consumer_protocol() {
    refused_while_live_and_replays_after("consumer").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_topic_does_not_have_or_would_be_passed_over_needs_force() {
    let world = World::new(1).await;
    world.book_all(0, names("b", 6)).await;
    world.admin().delete_records(&world.bookings, 0, 2).await.unwrap();
    let topic = world.bookings.as_str();
    let refused = async |partition: &str, offset: &str, why: &str| {
        let said = world.command(&["positions", "set", topic, partition, offset]).await;
        assert_eq!((said.code, &*said.out), (Some(1), ""), "{said:?}");
        assert!(said.err.contains(why), "{why:?} is not in {said:?}");
    };
    refused("0", "1", "has the offsets from 2 to 6").await;
    refused("0", "7", "has the offsets from 2 to 6").await;
    refused("3", "0", "there is no ").await;
    assert_eq!(bookings_position(&world).await, None);

    // The row is made where there is none.
    let said = world.command_json(&["positions", "set", topic, "0", "4"]).await;
    assert_eq!(said, json!({"topic": topic, "partition": 0, "from": null, "to": 4}));
    assert_eq!(bookings_position(&world).await, Some(4));
    refused("0", "6", "2 records of").await;
    let text = world.command_text(&["positions", "set", topic, "0", "6", "--force"]).await;
    assert_eq!(
        text,
        "booking-events/0: 4 → 6\nup to 2 records will never be applied; `worker verify` will miss them\n"
    );
    let text = world.command_text(&["positions", "set", topic, "0", "0", "--force"]).await;
    assert!(
        text.ends_with("applied again, as next revisions; those below 2 are gone from the topic\n"),
        "{text}"
    );
    let other = world.command(&["positions", "set", "another-topic", "0", "0", "--force"]).await;
    assert_eq!((other.code, &*other.out), (Some(1), ""));
    let away = [("KAFKA_BROKERS", "127.0.0.1:1")];
    let said = world.command_with(&["positions", "set", topic, "0", "3", "--force"], &away).await;
    assert_eq!((said.code, &*said.out), (Some(1), ""), "nobody can tell whether the group is live: {said:?}");
    assert_eq!(bookings_position(&world).await, Some(0));
}
