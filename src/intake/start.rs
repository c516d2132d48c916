//! Where a lane begins: the position in PostgreSQL, held against what the topic still has.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::rebalance::WorkerConsumer;
use crate::fault::{Cause, Fault};
use crate::record::Partition;
use crate::shared::Shared;
use crate::store::positions;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(5);

/// What Kafka knows about a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The first offset that the topic still has.
    pub(super) low: i64,
    /// The offset after the last one.
    pub(super) high: i64,
    /// The group's committed offset.
    pub(super) committed: Option<i64>,
}

impl Bounds {
    /// Where the group has been before, as far as that fits the topic.
    pub(super) fn known(&self) -> Option<i64> {
        self.committed.filter(|committed| *committed <= self.high)
    }
}

/// How a position fits the topic.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    /// It does: begin there.
    Begin(i64),
    /// The topic has lost records from here on: begin at the first that it still has.
    Lost { from: i64, to: i64 },
    /// The topic ends before the position: it was recreated or truncated, and other records stand there now.
    Beyond,
}

/// Why a lane cannot begin.
pub(super) enum Refusal {
    /// A fault; a transient one is worth another try.
    Fault(Fault),
    /// The position lies beyond the topic's end.
    Beyond { position: i64, end: i64 },
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Looks up where the partition's lane begins; the first time, stores it.
pub(super) async fn find(
    shared: &Shared,
    consumer: &Arc<WorkerConsumer>,
    partition: &Partition,
) -> Result<i64, Refusal> {
    let (pool, group) = (&shared.pool, &*shared.group);
    let bounds = {
        let (consumer, partition) = (consumer.clone(), partition.clone());
        tokio::task::spawn_blocking(move || bounds(&consumer, &partition))
            .await
            .map_err(|error| Fault::Fatal(Cause::new(error.to_string())))?
            .map_err(|error| Fault::Transient(Cause::of_kafka(format!("Kafka: {error}"))))?
    };
    let stored = match positions::load(pool, group, partition).await? {
        Some(position) => position,
        None => positions::create(pool, group, partition, first_start(bounds)).await?,
    };
    match fit(stored, bounds) {
        Fit::Begin(position) => Ok(position),
        Fit::Lost { from, to } => {
            positions::skip(pool, group, partition, from, to).await?;
            tracing::error!(
                topic = &*partition.topic,
                partition = partition.number,
                offset = from,
                continuesAt = to,
                records = to - from,
                "the topic's retention removed records before they were read; they are lost to this worker"
            );
            Ok(to)
        }
        Fit::Beyond => Err(Refusal::Beyond { position: stored, end: bounds.high }),
    }
}

/// Where a group begins that has no position: at Kafka's committed offset, else at the earliest record. What was
/// there when an overlay began has a position (`overlay`).
fn first_start(bounds: Bounds) -> i64 {
    bounds.known().unwrap_or(bounds.low)
}

fn fit(position: i64, bounds: Bounds) -> Fit {
    if position > bounds.high {
        Fit::Beyond
    } else if position < bounds.low {
        Fit::Lost { from: position, to: bounds.low }
    } else {
        Fit::Begin(position)
    }
}

/// Asks Kafka about a partition; blocks.
pub(super) fn bounds(consumer: &WorkerConsumer, partition: &Partition) -> Result<Bounds, KafkaError> {
    let (low, high) = consumer.fetch_watermarks(&partition.topic, partition.number, ANSWER)?;
    let mut list = TopicPartitionList::new();
    list.add_partition(&partition.topic, partition.number);
    let committed = consumer.committed_offsets(list, ANSWER)?;
    let element = committed.find_partition(&partition.topic, partition.number);
    if let Some(element) = &element {
        element.error()?;
    }
    let committed = element.and_then(|element| match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    });
    Ok(Bounds { low, high, committed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { low: 10, high: 20, committed: None };

    #[test]
    fn a_position_inside_the_topic_is_where_the_lane_begins() {
        for position in [10, 15, 20] {
            assert_eq!(fit(position, BOUNDS), Fit::Begin(position));
        }
    }

    #[test]
    fn records_that_retention_took_are_named_exactly() {
        assert_eq!(fit(4, BOUNDS), Fit::Lost { from: 4, to: 10 });
    }

    #[test]
    fn a_recreated_topic_is_noticed() {
        assert_eq!(fit(21, BOUNDS), Fit::Beyond);
    }

    #[test]
    fn a_new_group_begins_at_kafkas_offset_or_else_at_the_earliest_record() {
        assert_eq!(first_start(BOUNDS), 10);
        assert_eq!(first_start(Bounds { committed: Some(15), ..BOUNDS }), 15);
        assert_eq!(first_start(Bounds { committed: Some(4), ..BOUNDS }), 4, "the loss is then reported");
        assert_eq!(
            first_start(Bounds { committed: Some(99), ..BOUNDS }),
            10,
            "of another topic of this name"
        );
    }
}
