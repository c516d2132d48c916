//! What the commands ask Kafka, as a client that never joins the group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{Offset, TopicPartitionList};

use super::Failure;
use crate::config::KafkaSettings;
use crate::intake;
use crate::librdkafka::Listener;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(5);

/// What Kafka knows about a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    /// The first offset that the topic still has.
    pub(super) first: Option<i64>,
    /// The offset after the last one.
    pub(super) end: Option<i64>,
    /// The group's committed offset.
    pub(super) committed: Option<i64>,
}

/// A client of the worker's group.
#[derive(Clone)]
pub(super) struct Kafka {
    consumer: Arc<BaseConsumer<Listener>>,
}

impl Kafka {
    pub(super) fn new(settings: &KafkaSettings) -> Result<Self, Failure> {
        let consumer = intake::client(settings).map_err(|error| said(&error, None))?;
        Ok(Self { consumer: Arc::new(consumer) })
    }

    /// The partitions of a topic; none where there is no such topic.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Vec<i32>, Failure> {
        let topic = topic.to_owned();
        self.ask(move |consumer| {
            let metadata = consumer.fetch_metadata(Some(&topic), ANSWER)?;
            let found = metadata.topics().iter().filter(|found| found.name() == topic);
            Ok(found.flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect())
        })
        .await
    }

    /// What Kafka knows about these partitions of a topic. What it does not tell stays unknown.
    pub(super) async fn bounds(
        &self,
        topic: &str,
        partitions: Vec<i32>,
    ) -> Result<BTreeMap<i32, Bounds>, Failure> {
        let topic = topic.to_owned();
        self.ask(move |consumer| {
            let mut list = TopicPartitionList::new();
            for number in &partitions {
                list.add_partition(&topic, *number);
            }
            let committed = consumer.committed_offsets(list, ANSWER)?;
            let mut bounds = BTreeMap::new();
            for number in partitions {
                let element = committed.find_partition(&topic, number);
                let committed = element.and_then(|element| match element.offset() {
                    Offset::Offset(offset) if element.error().is_ok() => Some(offset),
                    _ => None,
                });
                let (first, end) = match consumer.fetch_watermarks(&topic, number, ANSWER) {
                    Ok((first, end)) => (Some(first), Some(end)),
                    // A partition without a leader; where Kafka is away, the others are not asked in vain.
                    Err(error) if !is_away(&error) => (None, None),
                    Err(error) => return Err(error),
                };
                bounds.insert(number, Bounds { first, end, committed });
            }
            Ok(bounds)
        })
        .await
    }

    /// Commits an offset for the group, which Kafka takes from a stranger only while the group has no members,
    /// under either protocol: that is how it answers whether a worker is live, without a gap between question
    /// and deed. False where it has members.
    pub(super) async fn commit_without_members(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<bool, Failure> {
        let topic = topic.to_owned();
        self.ask(move |consumer| {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
            match consumer.commit(&list, CommitMode::Sync) {
                Ok(()) => Ok(true),
                Err(error) if has_members(&error) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// librdkafka's questions block the thread that asks, and some of them for ever where the brokers are away.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer<Listener>) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let consumer = self.consumer.clone();
        let answer = tokio::task::spawn_blocking(move || question(&consumer));
        match tokio::time::timeout(ANSWER * 6, answer).await {
            Ok(Ok(answer)) => answer.map_err(|error| {
                let trouble = self.consumer.context().trouble(|| drop(self.consumer.poll(Duration::ZERO)));
                said(&error, trouble)
            }),
            Ok(Err(error)) => Err(Failure::Kafka(error.to_string())),
            Err(_) => Err(Failure::Kafka("no answer in time".to_owned())),
        }
    }
}

fn said(error: &KafkaError, trouble: Option<String>) -> Failure {
    Failure::Kafka(match error.rdkafka_error_code() {
        Some(code) if is_away(error) => {
            format!("the brokers do not answer ({})", trouble.unwrap_or_else(|| code.to_string()))
        }
        _ => error.to_string(),
    })
}

fn is_away(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(code, AllBrokersDown | BrokerTransportFailure | OperationTimedOut | Resolve)
    })
}

fn has_members(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        FencedInstanceId, FencedMemberEpoch, IllegalGeneration, RebalanceInProgress, StaleMemberEpoch,
        UnknownMemberId,
    };
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            UnknownMemberId
                | IllegalGeneration
                | RebalanceInProgress
                | FencedInstanceId
                | FencedMemberEpoch
                | StaleMemberEpoch
        )
    })
}
