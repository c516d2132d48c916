//! Asks the brokers where the assigned partitions end: one question for all of them, every few seconds.
//!
//! Lag is measured by the answer, so it is the offset after the last record that this worker may read: librdkafka asks
//! with the consumer's isolation level, and gets the last stable offset. What it reports by itself
//! (`statistics.interval.ms`) is the end as of the last fetch, and a lane with a backlog is paused for long.
//!
//! The last offset of a partition need not be a record's: a transaction ends with a marker, which is never delivered.
//! Where a lane stands still below the end with nothing to do, `remainder` reads what is left; where that is no
//! record, the partition ends at the lane's position.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::rebalance::WorkerConsumer;
use super::remainder;
use crate::config::KafkaSettings;
use crate::monitor::{LaneState, Monitor};
use crate::record::Partition;

/// How often the brokers are asked.
const INTERVAL: Duration = Duration::from_secs(5);

/// How often it is looked whether there is anything to ask about.
const SOON: Duration = Duration::from_millis(500);

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(3);

/// The most partitions that are read in one go to see whether records are left.
const MOST: usize = 64;

/// Watches the ends of the assigned partitions.
pub(super) struct Ends {
    consumer: Weak<WorkerConsumer>,
    settings: KafkaSettings,
    monitor: Arc<Monitor>,
    /// Where each idle lane stood below the end when it was last looked at.
    still: HashMap<Partition, Range<i64>>,
    /// Offsets up to a partition's end that are known to hold no record.
    empty: HashMap<Partition, Range<i64>>,
}

impl Ends {
    pub(super) fn new(
        consumer: Weak<WorkerConsumer>,
        settings: KafkaSettings,
        monitor: Arc<Monitor>,
    ) -> Self {
        Self { consumer, settings, monitor, still: HashMap::new(), empty: HashMap::new() }
    }

    /// Watches for as long as the consumer is there.
    pub(super) async fn watch(mut self) {
        while self.consumer.strong_count() > 0 {
            let partitions: Vec<Partition> =
                self.monitor.lanes.all().into_iter().map(|(partition, _)| partition).collect();
            let rest = if partitions.is_empty() {
                self.monitor.observations.ends.forget();
                SOON
            } else {
                self.look(partitions).await;
                INTERVAL
            };
            tokio::time::sleep(rest).await;
        }
    }

    async fn look(&mut self, partitions: Vec<Partition>) {
        let consumer = self.consumer.clone();
        let ask = move || consumer.upgrade().map(|consumer| ends(&consumer, &partitions));
        // Without an answer the last one counts for a while, and then nothing is known.
        let Ok(Some(Ok(mut ends))) = tokio::task::spawn_blocking(ask).await else { return };
        let still = self.standing_still(&ends);
        // Twice the same: what can be delivered has had its time to come.
        let left: Vec<(Partition, Range<i64>)> = still
            .iter()
            .filter(|(partition, range)| {
                self.still.get(partition) == Some(range) && self.empty.get(partition) != Some(range)
            })
            .take(MOST)
            .map(|(partition, range)| (partition.clone(), range.clone()))
            .collect();
        self.empty.retain(|partition, range| still.get(partition) == Some(range));
        self.still = still;
        if !left.is_empty() {
            let (settings, consumer) = (self.settings.clone(), self.consumer.clone());
            let read = move || remainder::without_records(&settings, left, || consumer.strong_count() == 0);
            let empty = tokio::task::spawn_blocking(read).await;
            self.empty.extend(empty.unwrap_or_default());
        }
        for (partition, range) in &self.empty {
            ends.insert(partition.clone(), range.start);
        }
        self.monitor.observations.ends.set(ends);
    }

    /// The lanes that have nothing to do and are not at the end: from their positions up to it.
    fn standing_still(&self, ends: &BTreeMap<Partition, i64>) -> HashMap<Partition, Range<i64>> {
        self.monitor
            .lanes
            .all()
            .into_iter()
            .filter_map(|(partition, lane)| {
                let (position, end) = (lane.position()?, *ends.get(&partition)?);
                let stands = position < end && lane.state() == LaneState::Idle && lane.oldest().is_none();
                stands.then_some((partition, position..end))
            })
            .collect()
    }
}

/// Where these partitions end. One whose broker has no answer is missing.
fn ends(consumer: &WorkerConsumer, partitions: &[Partition]) -> KafkaResult<BTreeMap<Partition, i64>> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        // In place of a time: the end.
        list.add_partition_offset(&partition.topic, partition.number, Offset::End)?;
    }
    let list = consumer.offsets_for_times(list, ANSWER)?;
    let mut ends = BTreeMap::new();
    for partition in partitions {
        let element = list.find_partition(&partition.topic, partition.number);
        if let Some(element) = element
            && element.error().is_ok()
            && let Offset::Offset(end) = element.offset()
        {
            ends.insert(partition.clone(), end);
        }
    }
    Ok(ends)
}
