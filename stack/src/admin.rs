//! Topics, offsets and groups of a broker, for whoever sets up or checks a scene.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::Process;

const LIMIT: Duration = Duration::from_secs(20);
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// A client for one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    config: ClientConfig,
    client: Arc<AdminClient<DefaultClientContext>>,
}

impl Admin {
    /// A client for the brokers of `bootstrap`; `properties` are librdkafka's, for TLS and the like.
    pub fn new(bootstrap: &str, properties: &[(String, String)]) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "200")
            .set("bootstrap.servers", bootstrap);
        for (name, value) in properties {
            config.set(name, value);
        }
        Ok(Self { client: Arc::new(config.create()?), config })
    }

    /// Asks once whether the brokers answer and every partition can be read; an error after half a second.
    pub async fn ready(&self) -> Result<()> {
        let topics = self.metadata(Duration::from_millis(500)).await?;
        for (topic, partitions) in topics {
            self.usable(&topic, partitions).await?;
        }
        Ok(())
    }

    /// Waits until the broker that `process` is starting can be used in all its parts.
    pub(crate) async fn wait_until_ready(&self, process: &mut Process) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while let Err(error) = self.ready().await {
            if process.exited()?.is_some() || Instant::now() > deadline {
                return Err(process.failure(&format!("Apache Kafka does not start ({error:#})")));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Speaks with a group's coordinator, so that the broker makes the topic of the groups' offsets.
    pub(crate) async fn wake_groups(&self) -> Result<()> {
        let list = one("no-topic", 0, 0)?;
        let consumer = self.member("no-group")?;
        blocking(move || Ok(consumer.committed_offsets(list, LIMIT).map(drop)?)).await
    }

    /// All usable topics with their number of partitions.
    pub async fn topics(&self) -> Result<BTreeMap<String, i32>> {
        let topics = self.metadata(LIMIT).await?;
        Ok(topics.into_iter().filter_map(|(name, partitions)| Some((name, partitions?))).collect())
    }

    /// Creates a topic and waits until it can be used.
    pub async fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) -> Result<()> {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        let topic = config.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
        let results = self.client.create_topics([&topic], &options()).await?;
        only(results)?.map_err(|(_, code)| anyhow!("topic {name} cannot be created: {code}"))?;
        let deadline = Instant::now() + LIMIT;
        while let Err(error) = self.usable(name, self.topics().await?.get(name).copied()).await {
            ensure!(Instant::now() < deadline, "topic {name} cannot be used: {error:#}");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Raises a topic's number of partitions and waits until all of them can be used.
    pub async fn add_partitions(&self, name: &str, total: i32) -> Result<()> {
        let partitions = NewPartitions::new(name, usize::try_from(total)?);
        let results = self.client.create_partitions([&partitions], &options()).await?;
        only(results)?.map_err(|(_, code)| anyhow!("topic {name} cannot grow: {code}"))?;
        let deadline = Instant::now() + LIMIT;
        while let Err(error) = self.renewed(name, total).await {
            ensure!(Instant::now() < deadline, "topic {name} cannot be used: {error:#}");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Deletes a topic and waits until it is gone.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let results = self.client.delete_topics(&[name], &options()).await?;
        only(results)?.map_err(|(_, code)| anyhow!("topic {name} cannot be deleted: {code}"))?;
        let deadline = Instant::now() + LIMIT;
        while self.topics().await?.contains_key(name) {
            ensure!(Instant::now() < deadline, "topic {name} is still there after {LIMIT:?}");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Deletes a partition's records below an offset, as retention does.
    pub async fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<()> {
        let list = one(topic, partition, before)?;
        let answer = self.client.delete_records(&list, &options()).await?;
        answer.elements().iter().try_for_each(|element| Ok(element.error()?))
    }

    /// A partition's first offset and the one after its last record.
    pub async fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64)> {
        let (client, topic) = (Arc::clone(&self.client), topic.to_owned());
        blocking(move || Ok(client.inner().fetch_watermarks(&topic, partition, LIMIT)?)).await
    }

    /// Each partition's offset after its last record.
    pub async fn end_offsets(&self, topic: &str) -> Result<Vec<i64>> {
        let mut offsets = Vec::new();
        for partition in 0..self.partitions(topic).await? {
            offsets.push(self.watermarks(topic, partition).await?.1);
        }
        Ok(offsets)
    }

    /// Each partition's committed offset of a group; `None` where it never committed.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, self.partitions(topic).await? - 1);
        let consumer = self.member(group)?;
        blocking(move || {
            let mut offsets = Vec::new();
            for element in consumer.committed_offsets(list, LIMIT)?.elements() {
                element.error()?;
                offsets.push(if let Offset::Offset(next) = element.offset() { Some(next) } else { None });
            }
            Ok(offsets)
        })
        .await
    }

    /// Sets a group's committed offset, as a person's offset reset does; the group must have no members.
    pub async fn commit(&self, group: &str, topic: &str, partition: i32, next: i64) -> Result<()> {
        let list = one(topic, partition, next)?;
        let consumer = self.member(group)?;
        blocking(move || Ok(consumer.commit(&list, CommitMode::Sync)?)).await
    }

    async fn partitions(&self, topic: &str) -> Result<i32> {
        let topics = self.topics().await?;
        topics.get(topic).copied().with_context(|| format!("there is no topic {topic}"))
    }

    /// A consumer that never joins: it only speaks with the group's coordinator.
    fn member(&self, group: &str) -> Result<BaseConsumer> {
        Ok(self.config.clone().set("group.id", group).set("enable.auto.commit", "false").create()?)
    }

    /// librdkafka answers by what it has cached of a topic, which only a question about this topic renews.
    async fn renewed(&self, topic: &str, partitions: i32) -> Result<()> {
        let (client, name) = (Arc::clone(&self.client), topic.to_owned());
        blocking(move || Ok(client.inner().fetch_metadata(Some(&name), LIMIT).map(drop)?)).await?;
        self.usable(topic, Some(partitions)).await
    }

    /// A leader by the metadata may not know of its part yet: only an answer shows that it does.
    async fn usable(&self, topic: &str, partitions: Option<i32>) -> Result<()> {
        for partition in 0..partitions.with_context(|| format!("{topic} has no leader yet"))? {
            self.watermarks(topic, partition).await?;
        }
        Ok(())
    }

    /// Each topic's number of partitions; `None` while one has no leader. Naming no topic creates none.
    async fn metadata(&self, limit: Duration) -> Result<BTreeMap<String, Option<i32>>> {
        let client = Arc::clone(&self.client);
        blocking(move || {
            let metadata = client.inner().fetch_metadata(None, limit)?;
            if metadata.brokers().is_empty() {
                bail!("no broker is up");
            }
            let mut topics = BTreeMap::new();
            for topic in metadata.topics() {
                let led = topic.error().is_none()
                    && topic.partitions().iter().all(|partition| partition.leader() >= 0);
                let partitions = i32::try_from(topic.partitions().len())?;
                topics.insert(topic.name().to_owned(), led.then_some(partitions));
            }
            Ok(topics)
        })
        .await
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT))
}

fn one(topic: &str, partition: i32, offset: i64) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    Ok(list)
}

fn only<T>(results: Vec<T>) -> Result<T> {
    results.into_iter().next().context("the broker answered nothing")
}

/// librdkafka's queries block the thread that asks.
async fn blocking<T: Send + 'static>(query: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(query).await?
}
