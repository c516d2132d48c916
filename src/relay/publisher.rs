//! Kafka's side: publishes a window as a whole, for as long as it takes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::DeliveryFuture;
use rdkafka::types::RDKafkaErrorCode;

use super::message::{Kind, Message};
use super::producer::{self, Producer};
use super::topics;
use crate::backoff::Backoff;
use crate::config::KafkaSettings;
use crate::metrics::Metrics;

/// How long Kafka may take over a window before that is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait where librdkafka's queue is full.
const FULL: Duration = Duration::from_millis(10);

/// Why a window is not (all) published.
#[derive(Debug)]
pub(super) enum Failure {
    /// Kafka will never take a message as it is.
    Refused(KafkaError),
    /// A topic does not exist and could not be created.
    MissingTopic { topic: String, error: String },
    /// Anything else: it may pass.
    Kafka(String),
}

/// Publishes windows, one at a time.
pub(super) struct Publisher {
    link: Link,
    trouble: Trouble,
}

/// The producer and what is known of its topics.
struct Link {
    config: ClientConfig,
    metrics: Arc<Metrics>,
    producer: Option<Producer>,
    /// Topics that have been seen.
    ready: HashSet<Arc<str>>,
}

/// What keeps windows from being published; said once.
#[derive(Default)]
struct Trouble {
    backoff: Option<Backoff>,
    said: bool,
}

impl Publisher {
    /// It connects when it is first used.
    pub(super) fn new(settings: &KafkaSettings, metrics: Arc<Metrics>) -> Self {
        let config = producer::config(settings);
        let link = Link { config, metrics, producer: None, ready: HashSet::new() };
        Self { link, trouble: Trouble::default() }
    }

    /// Returns once Kafka has all of these. After a failure it begins again with the first of them, on a new
    /// producer: what Kafka had is sent once more, in the same order.
    ///
    /// Where the caller stops waiting, [`abandon`](Self::abandon) must follow.
    pub(super) async fn publish(&mut self, window: &[Message]) {
        let Self { link, trouble } = self;
        loop {
            let failure = match trouble.wait_for(link.publish(window)).await {
                Ok(()) => break,
                Err(failure) => failure,
            };
            link.abandon();
            link.metrics.retry("kafka");
            tokio::time::sleep(trouble.next(&failure)).await;
        }
        trouble.over();
    }

    /// Drops what is on its way. What Kafka has got of it counts, and is sent again.
    pub(super) fn abandon(&mut self) {
        self.link.abandon();
    }
}

impl Link {
    async fn publish(&mut self, window: &[Message]) -> Result<(), Failure> {
        match self.publish_together(window).await {
            Err(Failure::Refused(_)) => self.publish_one_by_one(window).await,
            ended => ended,
        }
    }

    /// All at once; where some are refused, only after Kafka has answered for each.
    async fn publish_together(&mut self, window: &[Message]) -> Result<(), Failure> {
        let mut sent = Vec::with_capacity(window.len());
        let mut refusal = None;
        for message in window {
            match self.send(message).await {
                Ok(delivery) => sent.push(delivery),
                Err(Failure::Refused(error)) => refusal = Some(error),
                Err(failure) => return Err(failure),
            }
        }
        for delivery in sent {
            match delivered(delivery).await {
                Ok(()) => {}
                Err(Failure::Refused(error)) => refusal = Some(error),
                Err(failure) => return Err(failure),
            }
        }
        if let Some(error) = refusal {
            return Err(Failure::Refused(error));
        }
        for run in window.chunk_by(|one, next| one.topic == next.topic) {
            self.count(run);
        }
        Ok(())
    }

    /// Kafka has all of these, which are of one topic.
    fn count(&self, messages: &[Message]) {
        if let Some(first) = messages.first() {
            self.metrics.published(&first.topic, messages.len() as u64);
        }
    }

    /// One after the other, because a refused message takes those along that travel with it. Each loses what Kafka
    /// refuses in it; one that is refused all the same is passed over.
    async fn publish_one_by_one(&mut self, window: &[Message]) -> Result<(), Failure> {
        for message in window {
            let mut smaller: Option<Message> = None;
            loop {
                let message = smaller.as_ref().unwrap_or(message);
                let error = match self.deliver(message).await {
                    Ok(()) => {
                        self.count(std::slice::from_ref(message));
                        break;
                    }
                    Err(Failure::Refused(error)) => error,
                    Err(failure) => return Err(failure),
                };
                let Some(reduced) = message.clone().reduced(&error) else {
                    pass_over(message, &error);
                    break;
                };
                smaller = Some(reduced);
            }
        }
        Ok(())
    }

    async fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        delivered(self.send(message).await?).await
    }

    async fn send(&mut self, message: &Message) -> Result<DeliveryFuture, Failure> {
        let producer = self.producer()?;
        if !self.ready.contains(&message.topic) {
            topics::ensure(&producer, &self.config, &message.topic).await?;
            self.ready.insert(message.topic.clone());
        }
        loop {
            match producer.send_result(message.to_native()) {
                Ok(delivery) => return Ok(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {}
                Err((error, _)) => return Err(failure(error)),
            }
            tokio::time::sleep(FULL).await;
        }
    }

    fn producer(&mut self) -> Result<Producer, Failure> {
        if let Some(producer) = &self.producer {
            return Ok(producer.clone());
        }
        let new = producer::create(&self.config).map_err(|error| Failure::Kafka(error.to_string()))?;
        Ok(self.producer.insert(new).clone())
    }

    /// Ends the producer, on a thread that may wait for librdkafka's.
    fn abandon(&mut self) {
        self.ready.clear();
        if let Some(producer) = self.producer.take() {
            tokio::task::spawn_blocking(move || drop(producer));
        }
    }
}

async fn delivered(delivery: DeliveryFuture) -> Result<(), Failure> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(failure(error)),
        Err(_) => Err(Failure::Kafka("the producer ended".to_owned())),
    }
}

/// Sorts what librdkafka says: what concerns one message, and what concerns all.
fn failure(error: KafkaError) -> Failure {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidTimestamp
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidDifferentRecord
            | RDKafkaErrorCode::UnsupportedForMessageFormat,
        ) => Failure::Refused(error),
        _ => Failure::Kafka(error.to_string()),
    }
}

fn pass_over(message: &Message, error: &KafkaError) {
    let (topic, record) = (&*message.topic, &*message.record);
    match message.kind {
        Kind::StatusEvent => tracing::error!(
            topic, record, %error,
            "Kafka refuses the status event of this record; it is passed over, the outcome is in worker.ledger"
        ),
        Kind::DeadLetter { .. } => tracing::error!(
            topic, record, %error,
            "Kafka refuses the dead letter of this record; it is passed over, the record is in worker.held"
        ),
    }
}

impl Trouble {
    /// Waits for an attempt, and says so where that takes long.
    async fn wait_for(&mut self, attempt: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::pin!(attempt);
        tokio::select! {
            biased;
            ended = &mut attempt => return ended,
            () = tokio::time::sleep(PATIENCE) => {
                self.say(&Failure::Kafka(format!("no answer for {} s", PATIENCE.as_secs())));
            }
        }
        attempt.await
    }

    /// How long to wait before the next try.
    fn next(&mut self, failure: &Failure) -> Duration {
        self.say(failure);
        let backoff = self
            .backoff
            .get_or_insert_with(|| Backoff::new(Duration::from_millis(100), Duration::from_secs(5)));
        backoff.next()
    }

    fn say(&mut self, failure: &Failure) {
        if self.said {
            return;
        }
        self.said = true;
        match failure {
            Failure::MissingTopic { topic, error } => tracing::error!(
                topic,
                error,
                "this topic does not exist and could not be created; create it: what is to be published waits in \
                 the ledger"
            ),
            Failure::Kafka(error) => tracing::error!(
                error,
                "Kafka does not take status events and dead letters; they wait in the ledger until this passes"
            ),
            Failure::Refused(error) => tracing::error!(%error, "Kafka refuses what is to be published"),
        }
    }

    fn over(&mut self) {
        self.backoff = None;
        if std::mem::take(&mut self.said) {
            tracing::info!("status events and dead letters are published again");
        }
    }
}
