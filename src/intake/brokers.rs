//! Waits for Kafka: says once what it waits for, and once when it has it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;

use super::rebalance::WorkerConsumer;
use crate::backoff::Backoff;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(3);

/// Returns once a broker answers, and with it the topics that do not exist yet.
pub(super) async fn wait_for(
    consumer: &Arc<WorkerConsumer>,
    topics: &[Arc<str>],
    brokers: &str,
) -> Vec<Arc<str>> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
    let mut waited = false;
    loop {
        let (asked, names) = (consumer.clone(), topics.to_vec());
        let answer = tokio::task::spawn_blocking(move || missing(&asked, &names)).await;
        match answer {
            Ok(Ok(missing)) => {
                if waited {
                    tracing::info!(brokers, "Kafka answers");
                }
                return missing;
            }
            Ok(Err(error)) if !waited => {
                tracing::error!(brokers, %error, "waiting for Kafka");
                waited = true;
            }
            Ok(Err(_)) => {}
            Err(error) => tracing::error!(brokers, %error, "the question to Kafka failed"),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

fn missing(consumer: &WorkerConsumer, topics: &[Arc<str>]) -> rdkafka::error::KafkaResult<Vec<Arc<str>>> {
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
