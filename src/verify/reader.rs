//! Reads partitions of topics from one offset to another, as nobody's member, and commits nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer as _, MessageStream, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::time::{Instant, timeout_at};

use super::Failure;
use crate::config::KafkaSettings;
use crate::intake;
use crate::librdkafka::Listener;
use crate::record::Partition;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a partition may have nothing to say before its end.
const SILENCE: Duration = Duration::from_secs(30);

/// A reader of topics.
pub(crate) struct Reader {
    consumer: Arc<StreamConsumer<Listener>>,
    config: ClientConfig,
    brokers: String,
}

impl Reader {
    /// A reader whose brokers answer.
    ///
    /// # Errors
    /// They do not.
    pub(crate) async fn connect(settings: &KafkaSettings) -> Result<Self, Failure> {
        let config = intake::reader_config(settings);
        let consumer: StreamConsumer<Listener> = config
            .create_with_context(Listener::default())
            .map_err(|error| Failure::Kafka(error.to_string()))?;
        let reader = Self { consumer: Arc::new(consumer), config, brokers: settings.brokers.clone() };
        reader.ask(|consumer| consumer.fetch_metadata(None, ANSWER).map(drop)).await?;
        Ok(reader)
    }

    /// The numbers of a topic's partitions; none where there is no such topic.
    pub(crate) async fn partitions(&self, topic: &str) -> Result<Vec<i32>, Failure> {
        let name = topic.to_owned();
        self.ask(move |consumer| {
            let metadata = consumer.fetch_metadata(Some(&name), ANSWER)?;
            let known = metadata.topics().iter().filter(|topic| topic.name() == name);
            Ok(known.flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect())
        })
        .await
    }

    /// The first offset that a partition has, and the one after its last; none where there is no such partition.
    pub(crate) async fn bounds(&self, partition: &Partition) -> Result<Option<(i64, i64)>, Failure> {
        if !self.partitions(&partition.topic).await?.contains(&partition.number) {
            return Ok(None);
        }
        let partition = partition.clone();
        self.ask(move |consumer| {
            consumer.fetch_watermarks(&partition.topic, partition.number, ANSWER).map(Some)
        })
        .await
    }

    /// Whether the broker may remove records from the middle of a topic. Where it does not say, it may.
    pub(crate) async fn is_compacted(&self, topic: &str) -> bool {
        let Ok(client) = self.config.create::<AdminClient<DefaultClientContext>>() else { return true };
        let options = AdminOptions::new().request_timeout(Some(ANSWER));
        let answer = client.describe_configs([&ResourceSpecifier::Topic(topic)], &options).await;
        let Some(Ok(found)) = answer.ok().and_then(|found| found.into_iter().next()) else { return true };
        let policy = found.get("cleanup.policy").and_then(|entry| entry.value.as_deref());
        policy.is_none_or(|policy| policy.contains("compact"))
    }

    /// Begins to read a partition, from one offset until before another.
    pub(crate) fn read(&self, partition: &Partition, from: i64, below: i64) -> Result<Reading<'_>, Failure> {
        let mut list = TopicPartitionList::new();
        let assigned = list
            .add_partition_offset(&partition.topic, partition.number, Offset::Offset(from))
            .and_then(|()| self.consumer.assign(&list));
        assigned.map_err(|error| self.failure(&error))?;
        Ok(Reading { reader: self, stream: self.consumer.stream(), partition: partition.clone(), below })
    }

    /// Asks the brokers, on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&StreamConsumer<Listener>) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let consumer = self.consumer.clone();
        let answer = tokio::task::spawn_blocking(move || question(&consumer)).await;
        answer.map_err(|error| Failure::Kafka(error.to_string()))?.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &KafkaError) -> Failure {
        let poll = || drop(self.consumer.stream().next().now_or_never());
        let trouble = passes(error).then(|| self.consumer.context().trouble(poll)).flatten();
        let said = trouble.unwrap_or_else(|| error.to_string());
        Failure::Kafka(format!("Kafka at {} does not answer as it should: {said}", self.brokers))
    }
}

/// A partition that is being read.
pub(crate) struct Reading<'r> {
    reader: &'r Reader,
    stream: MessageStream<'r, Listener>,
    partition: Partition,
    below: i64,
}

impl<'r> Reading<'r> {
    /// The next record; none at the end.
    ///
    /// # Errors
    /// The brokers are silent for too long, or refuse.
    pub(crate) async fn next(&mut self) -> Result<Option<BorrowedMessage<'r>>, Failure> {
        let mut last: Option<KafkaError> = None;
        let deadline = Instant::now() + SILENCE;
        loop {
            // A timer only where there is something to wait for.
            let arrived = match self.stream.next().now_or_never() {
                Some(arrived) => Ok(arrived),
                None => timeout_at(deadline, self.stream.next()).await,
            };
            match arrived {
                Ok(Some(Ok(message))) => return Ok((message.offset() < self.below).then_some(message)),
                Ok(Some(Err(KafkaError::PartitionEOF(_))) | None) => return Ok(None),
                Ok(Some(Err(error))) if passes(&error) && Instant::now() < deadline => last = Some(error),
                Ok(Some(Err(error))) => return Err(self.reader.failure(&error)),
                Err(_) => return Err(self.silent(last.as_ref())),
            }
        }
    }

    fn silent(&self, last: Option<&KafkaError>) -> Failure {
        let (partition, seconds) = (&self.partition, SILENCE.as_secs());
        let said = last.map_or_else(String::new, |error| format!("; at last: {error}"));
        Failure::Kafka(format!(
            "{partition} ends at {} or later, but nothing more came of it in {seconds} s{said}",
            self.below
        ))
    }
}

/// Whether librdkafka goes on trying by itself.
fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
        )
    )
}
