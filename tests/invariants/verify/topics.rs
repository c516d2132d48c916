//! The topics against the ledger: record by record, and gaps.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use serde_json::json;

use super::execute;
use crate::support::{World, booking, names};

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Books as the ledger's outcome of these records of the bookings' partition 0.
async fn play(world: &World, names: impl IntoIterator<Item = String>) {
    let worker = world.worker();
    world.book_all(0, names).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_without_its_outcome_is_found_and_what_the_worker_never_had_to_read_is_not_missed() {
    let world = World::new(1).await;
    // Two records that another service has applied.
    world.book_all(0, names("before", 2)).await;
    world.admin().commit(&world.group, &world.bookings, 0, 2).await.unwrap();
    play(&world, names("b", 6).chain(names("b", 6))).await;
    let told = world.verify(&["--records"], &[]).await;
    told.assert_clean();
    assert_eq!(told.looked_at("records"), 12);

    execute(&world, "CREATE TABLE saved AS TABLE worker.ledger").await;
    execute(&world, "DELETE FROM worker.ledger WHERE record_offset IN (9, 13)").await;
    // The tables alone do not show it, where it is not the last: offsets may have gaps.
    assert_eq!(world.verify(&[], &[]).await.kinds(), [("position_ahead", 1)]);
    let told = world.verify(&["--records"], &[]).await;
    assert_eq!(told.kinds(), [("position_ahead", 1), ("record_without_outcome", 2)], "{:#}", told.report);
    let examples = &told.report["findings"][1]["examples"];
    assert_eq!((&examples[0]["offset"], &examples[1]["offset"]), (&json!(9), &json!(13)));
    execute(&world, "TRUNCATE worker.ledger; INSERT INTO worker.ledger SELECT * FROM saved").await;

    // A replay that has come halfway: what it has not read again yet is above the position, and is told.
    execute(&world, "UPDATE worker.positions SET next_offset = 12 WHERE topic = 'B'").await;
    let told = world.verify(&["--records"], &[]).await;
    assert_eq!(told.kinds(), [("outcome_above_position", 2)], "{:#}", told.report);
    execute(&world, "UPDATE worker.positions SET next_offset = 20, skipped_records = 6 WHERE topic = 'B'")
        .await;
    let told = world.verify(&["--records"], &[]).await;
    assert_eq!(told.kinds(), [("position_beyond_topic", 1)], "{:#}", told.report);
    execute(&world, "UPDATE worker.positions SET next_offset = 14, skipped_records = 0 WHERE topic = 'B'")
        .await;

    // The ledger's retention has been here, and then the topic's.
    let pruned = "DELETE FROM worker.ledger WHERE record_offset < 9;
        UPDATE worker.positions SET pruned_below = 9, pruned_before = now() WHERE topic = 'B'";
    execute(&world, pruned).await;
    let told = world.verify(&["--records"], &[]).await;
    told.assert_clean();
    assert_eq!(told.looked_at("records"), 5);
    world.admin().delete_records(&world.bookings, 0, 11).await.unwrap();
    let told = world.verify(&["--records"], &[]).await;
    told.assert_clean();
    assert_eq!(told.looked_at("records"), 3);
}

/// Writes transactions of three bookings each, every second one aborted, and has them all applied.
async fn play_transactions(world: &World) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", world.setting("KAFKA_BROKERS"))
        .set("transactional.id", &world.group)
        .create()
        .unwrap();
    let in_thread = async |act: fn(&FutureProducer) -> rdkafka::error::KafkaResult<()>| {
        let producer = producer.clone();
        tokio::task::spawn_blocking(move || act(&producer)).await.unwrap().unwrap();
    };
    in_thread(|producer| producer.init_transactions(ANSWER)).await;
    for round in 0..6 {
        producer.begin_transaction().unwrap();
        for name in names(&format!("round-{round}"), 3) {
            let payload = booking(&name).to_string();
            let record = FutureRecord::to(&world.bookings).partition(0).key(&name).payload(&payload);
            producer.send(record, ANSWER).await.unwrap();
        }
        if round % 2 == 1 {
            in_thread(|producer| producer.abort_transaction(ANSWER)).await;
        } else {
            in_thread(|producer| producer.commit_transaction(ANSWER)).await;
        }
    }
    // The last transaction's marker lies behind the last record: only a further record shows that all is read.
    play(world, names("plain", 1)).await;
}

/// An outcome of an aborted record: the first of the second transaction.
const OF_NOTHING: &str = "
    INSERT INTO worker.ledger (group_id, topic, partition, record_offset, subject, outcome)
    VALUES ('G', 'B', 0, 4, 'aborted', 'diverted')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_between_offsets_are_no_finding_and_an_outcome_in_one_is() {
    let world = World::new(1).await;
    play_transactions(&world).await;
    let told = world.verify(&["--records"], &[]).await;
    told.assert_clean();
    assert_eq!(told.looked_at("records"), 10);
    execute(&world, OF_NOTHING).await;
    let told = world.verify(&["--records"], &[]).await;
    assert_eq!(told.kinds(), [("outcome_without_record", 1)], "{:#}", told.report);
    let first = &told.report["findings"][0]["examples"][0];
    assert_eq!((&first["offset"], &first["subject"]), (&json!(4), &json!("aborted")));
    // Where the topic's retention has taken the record, it proves nothing.
    world.admin().delete_records(&world.bookings, 0, 5).await.unwrap();
    world.verify(&["--records"], &[]).await.assert_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_compacted_topic_an_outcome_may_outlive_its_record() {
    let world = World::new(0).await;
    world.admin().create_topic(&world.bookings, 1, &[("cleanup.policy", "compact")]).await.unwrap();
    world.admin().create_topic(&world.cancellations, 1, &[]).await.unwrap();
    play_transactions(&world).await;
    execute(&world, OF_NOTHING).await;
    let told = world.verify(&["--records"], &[]).await;
    told.assert_clean();
    assert!(told.report["notes"][0].as_str().unwrap().contains("is compacted"), "{:#}", told.report);
    execute(&world, "DELETE FROM worker.ledger WHERE record_offset = 9").await;
    execute(&world, "DELETE FROM bookings WHERE booking_id = 'round-2-1'").await;
    let told = world.verify(&["--records"], &[]).await;
    // What is gone from the ledger had been told, too.
    let expected = [("record_without_outcome", 1), ("status_without_outcome", 1)];
    assert_eq!(told.kinds(), expected, "{:#}", told.report);
}
