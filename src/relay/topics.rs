//! The topics that are written: looked for before the first message, and created where they are missing.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode;

use super::producer::Producer;
use super::publisher::Failure;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How often a topic just created is looked for, and the wait between two looks.
const LOOKS: usize = 50;
const LOOK: Duration = Duration::from_millis(100);

/// Makes sure that a topic can be written.
///
/// # Errors
/// [`Failure::MissingTopic`] where it does not exist and may not be created, or is not there yet.
pub(super) async fn ensure(producer: &Producer, config: &ClientConfig, topic: &str) -> Result<(), Failure> {
    if exists(producer, topic).await? {
        return Ok(());
    }
    create(config, topic).await?;
    // The brokers hear of it one by one.
    for _ in 0..LOOKS {
        if exists(producer, topic).await? {
            tracing::info!(topic, "topic created, with the broker's defaults");
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Failure::MissingTopic {
        topic: topic.to_owned(),
        error: "it was created, but is not there".to_owned(),
    })
}

async fn exists(producer: &Producer, topic: &str) -> Result<bool, Failure> {
    let (producer, name) = (producer.clone(), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        let metadata = producer.client().fetch_metadata(Some(&name), ANSWER)?;
        Ok(metadata.topics().iter().any(|found| found.name() == name && !found.partitions().is_empty()))
    });
    match asked.await {
        Ok(answer) => answer.map_err(|error: rdkafka::error::KafkaError| Failure::Kafka(error.to_string())),
        Err(error) => Err(Failure::Kafka(error.to_string())),
    }
}

async fn create(config: &ClientConfig, topic: &str) -> Result<(), Failure> {
    let missing = |error: String| Failure::MissingTopic { topic: topic.to_owned(), error };
    let admin: AdminClient<DefaultClientContext> =
        config.create().map_err(|error| missing(error.to_string()))?;
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    // -1: as many partitions and replicas as the broker's defaults say.
    let new = NewTopic::new(topic, -1, TopicReplication::Fixed(-1));
    let created = admin.create_topics([&new], &options).await;
    // Ending a client may wait for its threads.
    tokio::task::spawn_blocking(move || drop(admin));
    match created.map_err(|error| missing(error.to_string()))?.into_iter().next() {
        Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
            Err(missing(code.to_string()))
        }
        _ => Ok(()),
    }
}
