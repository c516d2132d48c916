//! The same records once more: from the same offsets, for another group, or at other offsets.

use std::collections::HashMap;

use crate::support::compare::until;
use crate::support::load::{Kind, Mixture, Sent};
use crate::support::{Entry, Message, World, booking, cancellation};

/// Every row of a table, as text: its times and its row versions, too.
async fn rows(world: &World, table: &str, order: &str) -> Vec<String> {
    let sql = format!("SELECT concat_ws('|', xmin, row_to_json(t)) FROM {table} AS t ORDER BY {order}");
    world.database.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// A world whose worker has applied a mixture. Cancellations come last, so that none waits for its booking.
async fn applied_world() -> (World, Vec<Sent>) {
    let world = World::new(2).await;
    let (cancellations, bookings): (Vec<_>, Vec<_>) = Mixture::new(17)
        .take(400)
        .into_iter()
        .filter(|(kind, _)| !matches!(kind, Kind::Refused { .. }))
        .partition(|(kind, _)| matches!(kind, Kind::Cancellation { .. }));
    let worker = world.worker();
    let mut sent = world.send(bookings).await;
    world.settled().await;
    sent.extend(world.send(cancellations).await);
    world.settled().await;
    world.assert_positions_at_the_end().await;
    worker.stop().await;
    (world, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafkas_offset_set_back_by_hand_replays_nothing() {
    let (world, _) = applied_world().await;
    let before = (rows(&world, "bookings", "id").await, rows(&world, "worker.held", "id").await);
    let ledger = world.ledger().await;
    for (topic, partition) in world.ends().await.keys() {
        world.admin().commit(&world.group, topic, *partition, 0).await.unwrap();
    }
    assert_eq!(world.committed(&world.bookings).await, [Some(0); 2]);
    let worker = world.worker();
    // Told again where the positions stand, Kafka is put right.
    world.assert_positions_at_the_end().await;
    worker.stop().await;
    assert_eq!(world.ledger().await, ledger);
    assert_eq!((rows(&world, "bookings", "id").await, rows(&world, "worker.held", "id").await), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_group_that_reads_everything_again_changes_no_booking() {
    let (mut world, _) = applied_world().await;
    let before = rows(&world, "bookings", "id").await;
    let first = world.ledger().await;
    let other = format!("{}-again", world.group);
    let worker = world.worker_with(&[("KAFKA_GROUP_ID", &other)]);
    world.group = other;
    world.settled().await;
    worker.stop().await;
    let again = world.ledger().await;
    assert_eq!(again.len(), first.len());
    for (first, again) in first.iter().zip(&again) {
        let expected = match &*first.verdict() {
            "accepted" => "duplicate".to_owned(),
            "cancelled" => "rejected:already_cancelled".to_owned(),
            verdict => verdict.to_owned(),
        };
        assert_eq!(again.verdict(), expected, "{first:?}");
        assert_eq!((again.offset, again.partition), (first.offset, first.partition));
    }
    assert_eq!(rows(&world, "bookings", "id").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_events_at_other_offsets_change_no_booking() {
    let (world, sent) = applied_world().await;
    let before = rows(&world, "bookings", "id").await;
    let first: HashMap<(String, i32, i64), String> =
        world.ledger().await.iter().map(|entry| (place(entry), entry.verdict())).collect();
    let again = sent
        .iter()
        .map(|sent| (sent.kind.clone(), Message::bytes(sent.payload.clone()).partition(1 - sent.partition)));
    let again = world.send(again.collect()).await;
    let worker = world.worker();
    world.settled().await;
    worker.stop().await;
    let verdicts: HashMap<(String, i32, i64), String> =
        world.ledger().await.iter().map(|entry| (place(entry), entry.verdict())).collect();
    for (sent, again) in sent.iter().zip(&again) {
        let first = &first[&(sent.topic.clone(), sent.partition, sent.offset)];
        let expected = match &**first {
            "accepted" => "duplicate",
            "cancelled" => "rejected:already_cancelled",
            // The first still waits.
            "held:unknown_user" => "held:queued",
            verdict => verdict,
        };
        let found = &verdicts[&(again.topic.clone(), again.partition, again.offset)];
        assert_eq!(found, expected, "{sent:?}");
    }
    assert_eq!(rows(&world, "bookings", "id").await, before);
}

fn place(entry: &Entry) -> (String, i32, i64) {
    (entry.topic.clone(), entry.partition, entry.offset)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_groups_at_once_create_and_cancel_each_booking_once() {
    const COUNT: usize = 300;
    let world = World::new(2).await;
    let other = format!("{}-other", world.group);
    let workers = [world.worker(), world.worker_with(&[("KAFKA_GROUP_ID", &other)])];
    for index in 0..COUNT {
        world.book(&booking(&format!("b{index}"))).await;
        world.cancel(&cancellation(&format!("b{index}"), "ana")).await;
    }
    let sql = "SELECT count(*) FROM worker.ledger WHERE revision = 0";
    let all = i64::try_from(COUNT * 4).unwrap();
    until("both groups to record everything", async || {
        world.database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == all
    })
    .await;
    world.nothing_is_due().await;
    for worker in workers {
        worker.stop().await;
    }
    let sql = "SELECT subject, count(*) FILTER (WHERE outcome = 'accepted'), \
                      count(*) FILTER (WHERE outcome = 'duplicate'), \
                      count(*) FILTER (WHERE outcome = 'cancelled'), \
                      (SELECT status FROM bookings WHERE booking_id = subject) \
               FROM worker.ledger GROUP BY subject";
    for row in world.database.query(sql, &[]).await.unwrap() {
        let counts: (i64, i64, i64) = (row.get(1), row.get(2), row.get(3));
        let status: &str = row.get(4);
        let expected = (1, 1, i64::from(status == "Cancelled"));
        assert_eq!(counts, expected, "{}: {status}", row.get::<_, &str>(0));
    }
}
