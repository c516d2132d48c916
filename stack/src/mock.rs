//! librdkafka's cluster inside this process: what the demo falls back to without Java and Maven.

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};

/// A mock cluster of one broker. It has groups, headers and offsets, but no admin requests, and
/// its records live in memory.
pub struct Mock {
    // The cluster belongs to this client and ends with it.
    owner: BaseProducer,
}

impl Mock {
    /// Starts the cluster.
    pub fn start() -> Result<Self> {
        let owner = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create()
            .context("librdkafka's mock cluster does not start")?;
        Ok(Self { owner })
    }

    /// The broker's address, as clients want it.
    pub fn bootstrap(&self) -> Result<String> {
        let cluster = self.owner.client().mock_cluster().context("no mock cluster")?;
        Ok(cluster.bootstrap_servers())
    }

    /// Creates a topic.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        let cluster = self.owner.client().mock_cluster().context("no mock cluster")?;
        Ok(cluster.create_topic(name, partitions, 1)?)
    }
}
