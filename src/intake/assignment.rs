//! The partitions that are assigned to this worker, and how far Kafka has been told about each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer, ConsumerContext};
use rdkafka::{Offset, TopicPartitionList};

use crate::monitor::{LaneState, LaneStatus, Monitor};
use crate::queue::Queue;
use crate::record::Partition;

/// The mark of a position that is not known yet.
pub(super) const UNKNOWN: i64 = -1;

/// What a partition's lane is doing, seen from the polling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its start is being looked up; the partition is paused.
    Starting,
    /// Records flow into its queue.
    Flowing,
    /// Its queue was full; the partition is paused until there is room.
    Full,
    /// Its lane applies what its queue holds and is then begun anew; the partition is paused.
    Ending,
    /// Its position does not fit the topic: a person must look.
    Halted,
}

/// One assigned partition.
pub(super) struct Slot {
    /// Tells this lane from earlier ones of the same partition.
    pub(super) epoch: u64,
    pub(super) state: State,
    pub(super) queue: Arc<Queue>,
    /// What the lane says of itself; its position in PostgreSQL is what Kafka may be told.
    pub(super) status: Arc<LaneStatus>,
    /// Closed by the lane's end.
    pub(super) ended: mpsc::Receiver<()>,
    /// The offset that the queue takes next.
    pub(super) wanted: i64,
    told: i64,
}

impl Slot {
    pub(super) fn new(
        epoch: u64,
        queue: Arc<Queue>,
        status: Arc<LaneStatus>,
        ended: mpsc::Receiver<()>,
    ) -> Self {
        Self { epoch, state: State::Starting, queue, status, ended, wanted: UNKNOWN, told: UNKNOWN }
    }

    fn progress(&self) -> i64 {
        self.status.position().unwrap_or(UNKNOWN)
    }

    /// A person must look.
    pub(super) fn halt(&mut self) {
        self.state = State::Halted;
        self.status.set(LaneState::Halted);
    }
}

/// All assigned partitions. Touched by the polling thread alone (rebalance callbacks run on it), and at the
/// very end by the thread that drops the consumer.
pub(super) struct Assignment {
    monitor: Arc<Monitor>,
    slots: Mutex<HashMap<Partition, Slot>>,
}

impl Assignment {
    pub(super) fn new(monitor: Arc<Monitor>) -> Self {
        Self { monitor, slots: Mutex::default() }
    }

    /// A partition's lane begins, in place of an earlier one.
    pub(super) fn insert(&self, partition: Partition, slot: Slot) {
        self.monitor.lanes.join(partition.clone(), slot.status.clone());
        self.slots().insert(partition, slot);
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, HashMap<Partition, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells Kafka how far each lane has come, where that has changed, without waiting for an answer: a
    /// synchronous commit never returns while the brokers are away.
    ///
    /// Stored offsets, then a commit of what is stored: that way alone refuses partitions that were lost.
    pub(super) fn commit<X: ConsumerContext>(&self, consumer: &impl Consumer<X>) {
        let mut slots = self.slots();
        let changed = slots.iter_mut().filter_map(|(partition, slot)| {
            let progress = slot.progress();
            (progress > slot.told).then(|| {
                slot.told = progress;
                (partition, progress)
            })
        });
        commit(consumer, changed);
    }

    /// Forgets what Kafka was told, so that the next commit repeats it: a commit may fail without a word.
    pub(super) fn repeat_commits(&self) {
        for slot in self.slots().values_mut() {
            slot.told = UNKNOWN;
        }
    }

    /// Takes partitions out, lets their batches in flight finish until the deadline, and tells Kafka how far
    /// they came, unless they are lost to another worker already.
    pub(super) fn release<X: ConsumerContext>(
        &self,
        consumer: &impl Consumer<X>,
        partitions: &[Partition],
        grace: Duration,
        lost: bool,
    ) {
        let released: Vec<(Partition, Slot)> = {
            let mut slots = self.slots();
            partitions.iter().filter_map(|partition| slots.remove_entry(partition)).collect()
        };
        for (partition, slot) in &released {
            slot.queue.close();
            self.monitor.lanes.leave(partition);
        }
        let deadline = Instant::now() + grace;
        for (partition, slot) in &released {
            let left = deadline.saturating_duration_since(Instant::now());
            // The sender is only ever dropped: whatever comes but the time-out means that the lane has ended.
            if slot.ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                tracing::warn!(
                    topic = &*partition.topic,
                    partition = partition.number,
                    offset = slot.progress(),
                    "the batch in flight did not finish in time; its position decides whether it counts"
                );
            }
        }
        if !lost {
            commit(consumer, released.iter().map(|(partition, slot)| (partition, slot.progress())));
        }
    }

    /// Every assigned partition.
    pub(super) fn partitions(&self) -> Vec<Partition> {
        self.slots().keys().cloned().collect()
    }
}

fn commit<'a, X: ConsumerContext>(
    consumer: &impl Consumer<X>,
    positions: impl Iterator<Item = (&'a Partition, i64)>,
) {
    let mut list = TopicPartitionList::new();
    for (partition, position) in positions.filter(|(_, position)| *position > UNKNOWN) {
        // Only a negative offset is refused.
        let _ = list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(position));
    }
    if list.count() == 0 {
        return;
    }
    let stored = consumer.store_offsets(&list);
    let committed = stored.and_then(|()| consumer.commit_consumer_state(CommitMode::Async));
    if let Err(error) = committed {
        // A rebalance in progress, most often. PostgreSQL has the positions, and the next commit repeats this.
        tracing::debug!(%error, "Kafka did not take the offsets");
    }
}
