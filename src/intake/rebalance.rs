//! librdkafka's callbacks: partitions come and go, and it has something to say.
//!
//! They run inside the poll, on the polling thread, and block it: nothing here waits for the database, but for
//! the batches in flight of the partitions that go.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc::UnboundedSender;

use super::assignment::Assignment;
use super::event::Event;
use crate::librdkafka::Voice;
use crate::metrics::{Metrics, Rebalance};
use crate::record::Partition;

/// The consumer with the worker's callbacks.
pub(super) type WorkerConsumer = StreamConsumer<Callbacks>;

/// The longest that batches in flight may take when partitions are revoked: above the statement's lock limit,
/// below what the group waits for.
const REVOKE: Duration = Duration::from_secs(15);

/// What the callbacks work on.
pub(super) struct Callbacks {
    assignment: Arc<Assignment>,
    events: UnboundedSender<Event>,
    /// The topics' names, shared by all that name a partition.
    topics: Vec<Arc<str>>,
    grace: Duration,
    metrics: Arc<Metrics>,
    voice: Voice,
}

impl Callbacks {
    pub(super) fn new(
        assignment: Arc<Assignment>,
        events: UnboundedSender<Event>,
        topics: Vec<Arc<str>>,
        grace: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { assignment, events, topics, grace: grace.min(REVOKE), metrics, voice: Voice::default() }
    }

    fn partitions(&self, list: &TopicPartitionList) -> Vec<Partition> {
        list.elements()
            .iter()
            .filter_map(|element| {
                let topic = self.topics.iter().find(|topic| &***topic == element.topic())?.clone();
                Some(Partition { topic, number: element.partition() })
            })
            .collect()
    }

    /// Takes the partitions, paused: their positions are looked up afterwards, off this thread, and until then
    /// nothing may be delivered.
    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        // Any valid offset: the lane seeks before it resumes. None at all would make librdkafka ask for the
        // committed offset, and report an error where there is none.
        list.set_all_offsets(Offset::Beginning)?;
        if cooperative(consumer) {
            consumer.incremental_assign(list)?;
        } else {
            consumer.assign(list)?;
        }
        consumer.pause(list)?;
        let partitions = self.partitions(list);
        self.metrics.rebalanced(Rebalance::Assigned);
        tracing::info!(partitions = %names(&partitions), "partitions assigned");
        // The receiver goes last of all.
        let _ = self.events.send(Event::Assigned(partitions));
        Ok(())
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        let partitions = self.partitions(list);
        let is_lost = consumer.assignment_lost();
        self.metrics.rebalanced(if is_lost { Rebalance::Lost } else { Rebalance::Revoked });
        self.assignment.release(consumer, &partitions, self.grace, is_lost);
        if !partitions.is_empty() {
            tracing::info!(partitions = %names(&partitions), lost = is_lost, "partitions revoked");
        }
        if cooperative(consumer) { consumer.incremental_unassign(list) } else { consumer.unassign() }
    }

    /// What librdkafka has said.
    pub(super) fn voice(&self) -> &Voice {
        &self.voice
    }
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.voice.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(&error, reason);
    }
}

impl ConsumerContext for Callbacks {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, list),
            _ => self.revoke(consumer, list),
        };
        if let Err(error) = done {
            tracing::error!(%error, "the rebalance failed");
            // The receiver goes last of all.
            let _ = self.events.send(Event::Broken(format!("the rebalance failed: {error}")));
        }
    }
}

fn cooperative(consumer: &BaseConsumer<Callbacks>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

fn names(partitions: &[Partition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
