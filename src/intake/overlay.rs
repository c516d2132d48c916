//! An overlay's first start: it begins at the ends of its topics, so that it does not replay what others have applied.
//!
//! All partitions that exist are placed at once, with the note that the group has begun, before it joins the group.
//! A partition without a position came into being later: its lane begins at its beginning, as any other's (`start`).

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use tokio::sync::watch;

use super::rebalance::WorkerConsumer;
use super::start::{Bounds, bounds};
use crate::fault::{Cause, Fault};
use crate::record::Partition;
use crate::recovery::Recovery;
use crate::shared::Shared;
use crate::store::positions;

/// How long one question to the brokers may take.
const ANSWER: Duration = Duration::from_secs(5);

/// Sees to it that the group has begun, for as long as that takes, unless the worker is asked to stop. What a kill
/// leaves behind is all of it or nothing.
///
/// # Errors
/// A fault that no waiting mends.
pub(super) async fn begin(
    shared: Arc<Shared>,
    consumer: Arc<WorkerConsumer>,
    topics: Vec<Arc<str>>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Cause> {
    let Some(environment) = shared.divert.environment() else { return Ok(()) };
    let mut faults = Recovery::new(
        shared.metrics.clone(),
        "the overlay cannot begin yet; it tries until this passes",
        "the overlay can begin",
    );
    loop {
        let wait = match attempt(&shared, &consumer, &topics).await {
            Ok(begun) => {
                faults.over();
                if let Some(starts) = begun {
                    say(environment, &shared.group, &starts);
                }
                return Ok(());
            }
            Err(fault) => faults.next(fault)?,
        };
        if tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await.is_ok() {
            return Ok(());
        }
    }
}

/// Where the partitions begin; none where the group had begun before.
async fn attempt(
    shared: &Shared,
    consumer: &Arc<WorkerConsumer>,
    topics: &[Arc<str>],
) -> Result<Option<Vec<(Partition, i64)>>, Fault> {
    if positions::has_begun(&shared.pool, &shared.group).await? {
        return Ok(None);
    }
    let (consumer, topics) = (consumer.clone(), topics.to_vec());
    let starts = tokio::task::spawn_blocking(move || starts(&consumer, &topics))
        .await
        .map_err(|error| Fault::Fatal(Cause::new(error.to_string())))?
        .map_err(|error| Fault::Transient(Cause::new(format!("Kafka: {error}"))))?;
    positions::begin(&shared.pool, &shared.group, &starts).await
}

/// Of each partition that exists, where it begins: where the group has been before, or else at its end.
fn starts(consumer: &WorkerConsumer, topics: &[Arc<str>]) -> KafkaResult<Vec<(Partition, i64)>> {
    let mut starts = Vec::new();
    for topic in topics {
        for number in partitions(consumer, topic)? {
            let partition = Partition { topic: topic.clone(), number };
            let bounds = bounds(consumer, &partition)?;
            starts.push((partition, first_start(bounds)));
        }
    }
    Ok(starts)
}

fn first_start(bounds: Bounds) -> i64 {
    bounds.known().unwrap_or(bounds.high)
}

/// The numbers of a topic's partitions; none where it does not exist yet.
fn partitions(consumer: &WorkerConsumer, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(Vec::new());
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(found.partitions().iter().map(MetadataPartition::id).collect()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(Vec::new()),
        // Not to be taken for a topic without partitions: these would be read from their beginnings.
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}

fn say(environment: &str, group: &str, starts: &[(Partition, i64)]) {
    let begins: Vec<String> =
        starts.iter().map(|(partition, start)| format!("{partition}@{start}")).collect();
    tracing::info!(
        environment,
        group,
        begins = begins.join(" "),
        "the overlay's first start: it reads what is produced from here on, and partitions that appear later from \
         their beginning; to replay what came before, stop it and run `worker positions set TOPIC PARTITION OFFSET`"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_begins_at_the_end_unless_its_group_has_been_there_before() {
        let bounds = Bounds { low: 10, high: 20, committed: None };
        assert_eq!(first_start(bounds), 20);
        assert_eq!(first_start(Bounds { committed: Some(15), ..bounds }), 15);
        assert_eq!(
            first_start(Bounds { committed: Some(99), ..bounds }),
            20,
            "of another topic of this name"
        );
    }
}
