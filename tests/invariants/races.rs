//! One booking in several partitions at once: no order holds between them, and yet it happens once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::{Message, World, booking, cancellation};

const PARTITIONS: i32 = 4;
const BOOKINGS: usize = 300;

/// How often each verdict was given to each subject.
async fn verdicts(world: &World, topic: &str) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for entry in world.ledger().await.iter().filter(|entry| entry.topic == topic) {
        *counts.entry(entry.subject.clone()).or_default().entry(entry.verdict()).or_default() += 1;
    }
    counts
}

/// Produces a record of each booking to each partition, everywhere in another order.
async fn scatter(world: &World, topic: &str, message: impl Fn(usize, i32) -> Message) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut messages = Vec::new();
    for partition in 0..PARTITIONS {
        let mut numbers: Vec<usize> = (0..BOOKINGS).collect();
        random.shuffle(&mut numbers);
        messages.extend(numbers.into_iter().map(|number| message(number, partition).partition(partition)));
    }
    world.produce_all(topic, &messages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_in_several_partitions_is_created_once_and_cancelled_once() {
    let world = World::new(PARTITIONS).await;
    let id = |number: usize| format!("booking_{number}");
    // In the last partition each has other content.
    scatter(&world, &world.bookings, |number, partition| {
        let mut event = booking(&id(number));
        event["guests"] = json!(if partition == PARTITIONS - 1 { 3 } else { 2 });
        Message::event(&event)
    })
    .await;
    let settings = [("BATCH_MAX_RECORDS", "25")];
    let workers = [world.worker_with(&settings), world.worker_with(&settings)];
    world.settled().await;
    let sql = "SELECT booking_id, id, number_of_guests FROM bookings";
    let rows = world.database.query(sql, &[]).await.unwrap();
    let rows: BTreeMap<String, (i32, i32)> =
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let counts = verdicts(&world, &world.bookings).await;
    assert_eq!((counts.len(), rows.len()), (BOOKINGS, BOOKINGS));
    let (accepted, duplicate, conflicting) = ("accepted", "duplicate", "rejected:conflicting_booking");
    for (booking, found) in &counts {
        // Whichever came first, the rest was compared with it.
        let expected: &[(&str, usize)] = match rows[booking].1 {
            2 => &[(accepted, 1), (duplicate, 2), (conflicting, 1)],
            _ => &[(accepted, 1), (conflicting, 3)],
        };
        let expected = expected.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
        assert_eq!(*found, expected, "{booking}");
    }

    // By row id in one half of the partitions, by its id in the events in the other.
    scatter(&world, &world.cancellations, |number, partition| {
        let name = if partition % 2 == 0 { id(number) } else { rows[&id(number)].0.to_string() };
        Message::event(&cancellation(&name, "ana"))
    })
    .await;
    world.settled().await;
    let counts = verdicts(&world, &world.cancellations).await;
    let once: BTreeMap<String, usize> =
        [("cancelled".to_owned(), 1), ("rejected:already_cancelled".to_owned(), 3)].into();
    assert_eq!(counts.len(), BOOKINGS);
    assert_eq!(counts.into_values().collect::<BTreeSet<_>>(), BTreeSet::from([once]));
    let winners =
        world.ledger().await.into_iter().filter(|entry| entry.reason.is_none() && entry.outcome != duplicate);
    let partitions: BTreeSet<i32> = winners.map(|entry| entry.partition).collect();
    assert!(partitions.len() > 1, "the partitions were meant to race");
    world.assert_consistent().await;
    for worker in workers {
        worker.stop().await;
    }
}
