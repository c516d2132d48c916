//! Whether there are records between two offsets, found out by reading: markers of transactions and what was aborted
//! are no records, and no question to the brokers tells them apart.
//!
//! A consumer of its own, for seconds: that of the group is not to be disturbed, and should it be the one that has
//! lost a record, this one finds it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::consumer;
use crate::config::KafkaSettings;
use crate::record::Partition;

/// How long the reading may take in all.
const READING: Duration = Duration::from_secs(5);

/// How often it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

type Stretches = HashMap<i32, Range<i64>>;

/// Those of these stretches, each up to its partition's end, in which there is no record. What could not be read
/// in time is not among them.
pub(super) fn without_records(
    settings: &KafkaSettings,
    stretches: Vec<(Partition, Range<i64>)>,
    stopped: impl Fn() -> bool,
) -> HashMap<Partition, Range<i64>> {
    let deadline = Instant::now() + READING;
    let is_over = || stopped() || Instant::now() >= deadline;
    let mut by_topic: HashMap<Arc<str>, Stretches> = HashMap::new();
    for (partition, stretch) in stretches {
        by_topic.entry(partition.topic).or_default().insert(partition.number, stretch);
    }
    let mut empty = HashMap::new();
    let read = || -> KafkaResult<()> {
        let mut config = consumer::reader(settings);
        // The leader's end is asked for, so it is the leader that is read.
        config.remove("client.rack");
        let reader: BaseConsumer = config.create()?;
        // One topic at a time: librdkafka tells of a partition's end by its number alone.
        for (topic, stretches) in by_topic {
            for (number, stretch) in without_records_of(&reader, &topic, stretches, is_over)? {
                empty.insert(Partition { topic: topic.clone(), number }, stretch);
            }
        }
        Ok(())
    };
    if let Err(error) = read() {
        tracing::debug!(%error, "what is left of some partitions could not be read");
    }
    empty
}

fn without_records_of(
    reader: &BaseConsumer,
    topic: &str,
    mut unread: Stretches,
    is_over: impl Fn() -> bool,
) -> KafkaResult<Stretches> {
    let mut list = TopicPartitionList::new();
    for (number, stretch) in &unread {
        list.add_partition_offset(topic, *number, Offset::Offset(stretch.start))?;
    }
    reader.assign(&list)?;
    let mut empty = HashMap::new();
    while !unread.is_empty() && !is_over() {
        let number = match reader.poll(LOOK) {
            None => continue,
            Some(Err(KafkaError::PartitionEOF(number))) => {
                // There was none before it, or the stretch would be gone.
                if let Some(stretch) = unread.remove(&number) {
                    empty.insert(number, stretch);
                }
                number
            }
            Some(Err(error)) => return Err(error),
            Some(Ok(message)) => {
                unread.remove(&message.partition());
                message.partition()
            }
        };
        // Nothing more is wanted of it, be there ever so much.
        let mut done = TopicPartitionList::new();
        done.add_partition(topic, number);
        reader.pause(&done)?;
    }
    reader.unassign()?;
    Ok(empty)
}
