//! Waits for Kafka: says once what it waits for, and once when it has it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;

use super::membership;
use super::rebalance::WorkerConsumer;
use crate::backoff::Backoff;
use crate::monitor::Monitor;
use crate::record::clean_text;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(3);

/// The pause between two questions of [`watch`].
const EVERY: Duration = Duration::from_secs(3);

/// Returns once a broker answers, and with it the topics that do not exist yet.
pub(super) async fn wait_for(
    consumer: &Arc<WorkerConsumer>,
    topics: &[Arc<str>],
    brokers: &str,
) -> Vec<Arc<str>> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
    let mut waited = false;
    consumer.context().voice().hush(true);
    loop {
        let (asked, names) = (consumer.clone(), topics.to_vec());
        let answer = tokio::task::spawn_blocking(move || missing(&asked, &names)).await;
        match answer {
            Ok(Ok(missing)) => {
                if waited {
                    tracing::info!(brokers, "Kafka answers");
                }
                consumer.context().voice().hush(false);
                return missing;
            }
            Ok(Err(error)) if !waited => {
                tracing::error!(brokers, error, "waiting for Kafka");
                waited = true;
            }
            Ok(Err(_)) => {}
            Err(error) => tracing::error!(brokers, %error, "the question to Kafka failed"),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Looks again and again, for as long as the consumer is there, whether the brokers answer and have the topics, and
/// whether the group has taken this worker.
///
/// It asks: a connection that stands says little, for a broker that hangs keeps it.
pub(super) async fn watch(consumer: Weak<WorkerConsumer>, topics: Vec<Arc<str>>, monitor: Arc<Monitor>) {
    loop {
        let (asked, names) = (consumer.clone(), topics.clone());
        let observed = monitor.clone();
        let look = move || {
            let consumer = asked.upgrade()?;
            observed.observations.joined.set(membership::is_member(&consumer));
            let missing = missing(&consumer, &names);
            observed.observations.brokers.set(missing);
            Some(())
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(Some(())) => {}
            Ok(None) => return,
            Err(error) => tracing::error!(%error, "the question to Kafka failed"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The topics that do not exist, or why the brokers do not answer.
fn missing(consumer: &WorkerConsumer, topics: &[Arc<str>]) -> Result<Vec<Arc<str>>, String> {
    let voice = consumer.context().voice();
    let missing = ask(consumer, topics)
        .map_err(|error| voice.trouble().unwrap_or_else(|| clean_text(&error.to_string())))?;
    voice.trouble_is_over();
    Ok(missing)
}

fn ask(consumer: &WorkerConsumer, topics: &[Arc<str>]) -> KafkaResult<Vec<Arc<str>>> {
    let mut missing = Vec::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
        let known =
            metadata.topics().iter().any(|found| found.name() == &**topic && !found.partitions().is_empty());
        if !known {
            missing.push(topic.clone());
        }
    }
    Ok(missing)
}
