//! Offsets with gaps: a compacted topic, and the markers and aborted records of transactions.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::support::{World, booking, eventually, names};

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// The offsets of the bookings that a reader of committed records finds.
async fn offsets_in_the_topic(world: &World) -> Vec<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", world.setting("KAFKA_BROKERS"))
        .set("group.id", "reader")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&world.bookings, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let read = move || {
        let mut offsets = Vec::new();
        // An error is the end of the partition.
        while let Some(Ok(record)) = consumer.poll(ANSWER) {
            offsets.push(record.offset());
        }
        offsets
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// The offsets of the bookings that the ledger has.
async fn recorded(world: &World) -> Vec<i64> {
    let ledger = world.ledger().await;
    ledger.iter().filter(|entry| entry.topic == world.bookings).map(|entry| entry.offset).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacted_topic_is_read_across_its_gaps() {
    let world = World::new(0).await;
    world.admin().create_topic(&world.cancellations, 1, &[]).await.unwrap();
    let compact = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    world.admin().create_topic(&world.bookings, 1, &compact).await.unwrap();
    // Every booking thrice: of each key only the last record stays.
    for _ in 0..3 {
        world.book_all(0, names("compacted", 10)).await;
    }
    let mut round = 0;
    let left = eventually("the topic to be compacted", async || {
        // Only a further record makes the broker close a segment.
        round += 1;
        world.book_all(0, names(&format!("further-{round}"), 1)).await;
        let left = offsets_in_the_topic(&world).await;
        Ok::<_, ()>((left.first() >= Some(&20)).then_some(left))
    })
    .await;
    let worker = world.worker();
    // The first of the ten copies that were left is not where the position of a first start lies.
    world.settled().await;
    assert_eq!(recorded(&world).await, left);
    assert!(world.verdicts(&world.bookings).await.iter().all(|verdict| verdict == "accepted"));
    worker.stop().await;
    // The position lies where no record is any more: the reading goes on behind the gap.
    world.move_position(5).await;
    world.database.execute("DELETE FROM worker.ledger", &[]).await.unwrap();
    let worker = world.worker();
    world.settled().await;
    let again = recorded(&world).await;
    assert_eq!(again.iter().collect::<BTreeSet<_>>().len(), again.len());
    assert_eq!(again, left);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_transactions_are_invisible_and_their_markers_leave_no_trace() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.begins(2).await;
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
    let mut committed = Vec::new();
    let rounds = 9;
    for round in 0..rounds {
        producer.begin_transaction().unwrap();
        for name in names(&format!("round-{round}"), 3) {
            let payload = booking(&name).to_string();
            let record = FutureRecord::to(&world.bookings).partition(0).key(&name).payload(&payload);
            let delivery = producer.send(record, ANSWER).await.unwrap();
            if round % 3 != 1 {
                committed.push(delivery.offset);
            }
        }
        if round % 3 == 1 {
            in_thread(|producer| producer.abort_transaction(ANSWER)).await;
        } else {
            in_thread(|producer| producer.commit_transaction(ANSWER)).await;
        }
    }
    let last = world.book_all(0, names("plain", 1)).await;
    committed.push(last - 1);
    assert_eq!(last, rounds * 4 + 1, "the markers take offsets of their own");
    world.settled().await;
    assert_eq!(recorded(&world).await, committed);
    assert_eq!(world.bookings_made().await, i64::try_from(committed.len()).unwrap());
    worker.stop().await;
}
