//! The position in PostgreSQL decides what is read next; Kafka's committed offset only follows it.

use crate::support::{Stop, World, booking_of, names};

const OVERTAKEN: &str = "another worker has moved the position on; reading it again";

const REPLAYED: &str =
    "the position was set back: records are applied again, each outcome is its next revision";

/// The offsets of the bookings' partition 0 that the ledger has.
async fn recorded(world: &World) -> Vec<i64> {
    let ledger = world.ledger().await;
    let offsets = ledger.iter().filter(|entry| entry.topic == world.bookings && entry.partition == 0);
    offsets.map(|entry| entry.offset).collect()
}

/// Where the lanes of the bookings' partition 0 began, one after the other.
fn began(world: &World, log: &[serde_json::Value]) -> Vec<i64> {
    let topic = world.bookings.as_str();
    log.iter()
        .filter(|line| line["msg"] == "lane begins" && line["topic"] == topic && line["partition"] == 0)
        .map(|line| line["offset"].as_i64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafkas_offset_follows_the_database_and_reaches_the_end() {
    let world = World::new(1).await;
    let lock = world.lock_user("bo").await;
    let mut worker = world.worker();
    worker.begins(2).await;
    let stop = Stop::default();
    let story = async {
        world.book_all(0, names("stored", 10)).await;
        world.settled().await;
        let end = world.produce_events(&world.bookings, 0, &[booking_of("bo", "waits")]).await;
        world.transactions_wait(1).await;
        // What is stored is told to Kafka while the next record waits for the database.
        world.kafkas_offset_arrives(&[((world.bookings.clone(), 0), end - 1)].into()).await;
        assert_eq!(world.committed(&world.bookings).await, [Some(end - 1)]);
        lock.release().await;
        world.each_record_is_recorded_once().await;
        stop.set();
    };
    let (compared, ()) = tokio::join!(world.watch_kafkas_offset(&stop), story);
    assert!(compared > 0, "Kafka's offset was never looked at");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_kafkas_offset_by_hand_replays_nothing_and_skips_nothing() {
    let world = World::new(1).await;
    let worker = world.worker();
    let read = world.book_all(0, names("first", 5)).await;
    world.each_record_is_recorded_once().await;
    assert_eq!(began(&world, &worker.stop().await), [0]);

    world.admin().commit(&world.group, &world.bookings, 0, 0).await.unwrap();
    let worker = world.worker();
    let end = world.book_all(0, names("second", 5)).await;
    world.each_record_is_recorded_once().await;
    assert_eq!(began(&world, &worker.stop().await), [read], "replayed");

    world.book_all(0, names("third", 5)).await;
    world.admin().commit(&world.group, &world.bookings, 0, end + 5).await.unwrap();
    let worker = world.worker();
    world.each_record_is_recorded_once().await;
    assert_eq!(began(&world, &worker.stop().await), [end], "skipped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_reads_a_topic_full_of_history_from_its_beginning() {
    let world = World::new(2).await;
    for partition in 0..2 {
        world.book_all(partition, names(&format!("history-{partition}"), 3000)).await;
    }
    let worker = world.worker();
    world.each_record_is_recorded_once().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_begins_at_kafkas_offset_where_the_group_has_one() {
    let world = World::new(1).await;
    world.book_all(0, names("old", 5)).await;
    world.admin().commit(&world.group, &world.bookings, 0, 3).await.unwrap();
    let worker = world.worker();
    world.settled().await;
    assert_eq!(recorded(&world).await, [3, 4]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_whose_position_is_moved_on_by_hand_rolls_back_and_reads_it_again() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.begins(2).await;
    let lock = world.lock_user("bo").await;
    let overtaken = world.produce_events(&world.bookings, 0, &[booking_of("bo", "overtaken")]).await;
    world.transactions_wait(1).await;
    world.move_position(overtaken).await;
    lock.release().await;
    worker.said(OVERTAKEN).await;
    let end = world.book_all(0, names("after", 5)).await;
    world.settled().await;
    // The batch in flight was rolled back: neither its row nor its booking was kept.
    assert_eq!(recorded(&world).await, (overtaken..end).collect::<Vec<_>>());
    assert_eq!(world.bookings_made().await, 5);
    assert_eq!(began(&world, &worker.stop().await), [0, overtaken]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_whose_records_another_worker_has_recorded_rolls_back_and_goes_on_from_there() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.begins(2).await;
    let lock = world.lock_user("bo").await;
    let overtaken = world.produce_events(&world.bookings, 0, &[booking_of("bo", "overtaken")]).await;
    world.transactions_wait(1).await;
    // As the other worker does it, but for the outcome's name.
    let sql = "INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome) \
               VALUES ($1, $2, 0, 0, 'overtaken', 'other')";
    world.database.execute(sql, &[&world.group, &world.bookings]).await.unwrap();
    world.move_position(overtaken).await;
    lock.release().await;
    worker.said(OVERTAKEN).await;
    world.book_all(0, names("after", 5)).await;
    world.settled().await;
    assert_eq!(
        world.verdicts(&world.bookings).await,
        ["other", "accepted", "accepted", "accepted", "accepted", "accepted"]
    );
    assert_eq!(world.bookings_made().await, 5);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_is_set_back_replays_its_records_as_their_next_revisions() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    world.book_all(0, names("first", 5)).await;
    let mut unknown = booking_of("ana", "held");
    unknown["roomId"] = serde_json::json!("nowhere");
    world.produce_events(&world.bookings, 0, &[unknown]).await;
    world.settled().await;
    world.move_position(2).await;
    // The lane learns of it with its next batch.
    world.book_all(0, names("second", 5)).await;
    worker.said(REPLAYED).await;
    world.settled().await;
    let of = |offset: i64, revision: i16| {
        move |entry: &&crate::support::Entry| (entry.offset, entry.revision) == (offset, revision)
    };
    let ledger = world.ledger().await;
    for (offset, first, then) in [(0, "accepted", None), (2, "accepted", Some("duplicate"))] {
        assert_eq!(ledger.iter().find(of(offset, 0)).unwrap().verdict(), first);
        assert_eq!(ledger.iter().find(of(offset, 1)).map(crate::support::Entry::verdict).as_deref(), then);
    }
    assert_eq!(ledger.iter().find(of(5, 1)).unwrap().verdict(), "held:unknown_room");
    assert_eq!(world.held().await.len(), 1);
    assert_eq!(world.bookings_made().await, 10);
    worker.stop().await;
}
