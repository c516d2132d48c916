//! Backpressure: a full queue stops the polling for a moment, and only then pauses its partition.
//!
//! Records come in runs of one partition, and a paused partition's prefetched records are thrown away: pausing
//! at once would cost a tenth of the throughput. Standing still for long costs a quarter: meanwhile the other
//! lanes run dry. A lane that stays full must not hold up the others.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::assignment::{Assignment, Slot, State};
use super::message;
use super::rebalance::WorkerConsumer;
use crate::queue::Limits;
use crate::record::{Partition, Record};

/// How long the polling stands still for one full queue: about as long as a lane takes over a batch.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long a seek may take; it is an exchange between threads of this process.
const SEEK: Duration = Duration::from_secs(1);

/// The most records in one lane's queue: two batches and the run of one fetch.
const QUEUE_RECORDS: usize = 2048;

/// The most bytes in all queues together, and the least and most in one.
const ALL_QUEUES_BYTES: usize = 6 << 20;
const QUEUE_BYTES: std::ops::RangeInclusive<usize> = (64 << 10)..=(4 << 20);

/// A record that found its queue full.
struct Blocked {
    partition: Partition,
    record: Record,
    until: Instant,
}

/// The flow of records into the queues.
pub(super) struct Flow {
    assignment: Arc<Assignment>,
    consumer: Arc<WorkerConsumer>,
    room: Arc<Notify>,
    blocked: Option<Blocked>,
    topics: Vec<Arc<str>>,
}

impl Flow {
    pub(super) fn new(
        assignment: Arc<Assignment>,
        consumer: Arc<WorkerConsumer>,
        topics: Vec<Arc<str>>,
    ) -> Self {
        Self { assignment, consumer, room: Arc::default(), blocked: None, topics }
    }

    /// What the queue of one of so many lanes may hold: its share of the memory for all.
    pub(super) fn limits(lanes: usize) -> Limits {
        let bytes = (ALL_QUEUES_BYTES / lanes.max(1)).clamp(*QUEUE_BYTES.start(), *QUEUE_BYTES.end());
        Limits { records: QUEUE_RECORDS, bytes }
    }

    /// What queues notify when records are taken from them.
    pub(super) fn room(&self) -> Arc<Notify> {
        self.room.clone()
    }

    /// Whether a record waits for room, so that no other may be taken.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Waits until [`relieve`](Self::relieve) may have something to do.
    pub(super) async fn changed(&self) {
        match &self.blocked {
            Some(blocked) => {
                let _ = tokio::time::timeout_at(blocked.until, self.room.notified()).await;
            }
            None => self.room.notified().await,
        }
    }

    /// Hands a record to its lane. What lies below the position, or comes from a partition that does not flow,
    /// is passed over: it was applied, or it is fetched again.
    pub(super) fn accept(&mut self, message: &BorrowedMessage<'_>) {
        let Some(topic) = self.topics.iter().find(|topic| &***topic == message.topic()) else { return };
        let partition = Partition { topic: topic.clone(), number: message.partition() };
        let mut slots = self.assignment.slots();
        let Some(slot) = slots.get_mut(&partition) else { return };
        if slot.state != State::Flowing || message.offset() < slot.wanted {
            return;
        }
        slot.wanted = message.offset() + 1;
        if let Err(record) = slot.queue.push(message::record(message)) {
            self.blocked = Some(Blocked { partition, record, until: Instant::now() + PATIENCE });
        }
    }

    /// Lets a partition's records flow from an offset on.
    pub(super) fn open(&self, partition: &Partition, epoch: u64, position: i64) {
        let mut slots = self.assignment.slots();
        if let Some(slot) = slots.get_mut(partition).filter(|slot| slot.epoch == epoch) {
            slot.wanted = position;
            tracing::info!(
                topic = &*partition.topic,
                partition = partition.number,
                offset = position,
                "lane begins"
            );
            self.let_flow(partition, slot);
        }
    }

    /// Stops a partition's records.
    pub(super) fn hold(&mut self, partition: &Partition) {
        self.blocked.take_if(|blocked| blocked.partition == *partition);
        self.pause(partition);
    }

    /// Lets every lane apply what it has, and end: what was read is not given up, whatever has become of it in
    /// the topic.
    pub(super) fn end_all(&self) {
        for (partition, slot) in &mut *self.assignment.slots() {
            if matches!(slot.state, State::Flowing | State::Full) {
                slot.state = State::Ending;
                slot.queue.finish();
                self.pause(partition);
            }
        }
    }

    /// Does what room in the queues, or the end of patience, allows or asks for.
    pub(super) fn relieve(&mut self) {
        let assignment = self.assignment.clone();
        let mut slots = assignment.slots();
        if let Some(blocked) = self.blocked.take()
            && let Some(slot) = slots.get_mut(&blocked.partition)
        {
            let offset = blocked.record.offset;
            match slot.queue.push(blocked.record) {
                Ok(()) => {}
                Err(record) if Instant::now() < blocked.until => {
                    self.blocked = Some(Blocked { record, ..blocked });
                }
                Err(_) => {
                    // Fetched again when there is room.
                    slot.wanted = offset;
                    slot.state = State::Full;
                    self.pause(&blocked.partition);
                    let (topic, partition) = (&*blocked.partition.topic, blocked.partition.number);
                    tracing::debug!(
                        topic,
                        partition,
                        offset,
                        "the lane's queue is full; the partition is paused"
                    );
                    for (partition, slot) in &mut *slots {
                        if slot.state == State::Flowing && slot.queue.is_full() {
                            slot.state = State::Full;
                            self.pause(partition);
                        }
                    }
                }
            }
        }
        for (partition, slot) in &mut *slots {
            if slot.state == State::Full && slot.queue.has_room() {
                self.let_flow(partition, slot);
            }
        }
    }

    /// Resumes and seeks: `resume` alone leaves the fetcher asleep for up to a second, and the records that
    /// librdkafka had delivered before the pause come again only after a seek.
    fn let_flow(&self, partition: &Partition, slot: &mut Slot) {
        let list = list(partition);
        let (topic, number) = (&*partition.topic, partition.number);
        let wanted = Offset::Offset(slot.wanted);
        let flowing = self
            .consumer
            .resume(&list)
            .and_then(|()| each_element(&list))
            .and_then(|()| self.consumer.seek(topic, number, wanted, SEEK))
            .or_else(|_| self.fetch_anew(partition, wanted));
        match flowing {
            Ok(()) => slot.state = State::Flowing,
            Err(error) => {
                // Not ready inside librdkafka; whatever is delivered meanwhile is passed over, and the next
                // tick tries again.
                tracing::debug!(topic, partition = number, %error, "the partition does not resume yet");
                slot.state = State::Full;
                self.pause(partition);
            }
        }
    }

    /// Starts a partition's fetch anew: one that has ended in an error (its offset was out of range) takes no
    /// seek any more, and nothing but an assignment starts it.
    fn fetch_anew(&self, partition: &Partition, wanted: Offset) -> KafkaResult<()> {
        self.consumer.incremental_unassign(&list(partition))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.number, wanted)?;
        self.consumer.incremental_assign(&list)
    }

    fn pause(&self, partition: &Partition) {
        let list = list(partition);
        if let Err(error) = self.consumer.pause(&list).and_then(|()| each_element(&list)) {
            // It was revoked, or its records are passed over until it flows again.
            tracing::debug!(topic = &*partition.topic, partition = partition.number, %error, "the partition does not pause");
        }
    }
}

fn list(partition: &Partition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(&partition.topic, partition.number);
    list
}

/// `pause` and `resume` may answer Ok while an element carries the error.
fn each_element(list: &TopicPartitionList) -> KafkaResult<()> {
    list.elements().iter().try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)
}
