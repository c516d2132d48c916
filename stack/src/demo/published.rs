//! How much the worker has told the outside: counted from the topics that it writes.

use anyhow::{Context, Result};
use stack::Admin;

use super::environment::Broker;
use super::names::Names;
use super::terminal::say;

/// The topics, each with the number of messages that it had at the beginning.
pub(crate) struct Published {
    admin: Admin,
    status: Option<String>,
    topics: Vec<(String, i64)>,
}

impl Published {
    /// From now on.
    pub(crate) async fn begin(broker: &Broker, names: &Names) -> Result<Self> {
        let admin = broker.admin()?;
        let mut topics = Vec::new();
        for topic in names.written() {
            let end = end(&admin, &topic).await?;
            topics.push((topic, end));
        }
        Ok(Self { admin, status: names.status.clone(), topics })
    }

    /// Prints one line.
    pub(crate) async fn print(&self) -> Result<()> {
        let mut parts = Vec::new();
        for (topic, before) in &self.topics {
            let count = end(&self.admin, topic).await? - before;
            let what = if Some(topic) == self.status.as_ref() { "status event" } else { "dead letter" };
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {what}{plural} in {topic}"));
        }
        say(&format!("Published: {}.", parts.join(", ")));
        Ok(())
    }
}

/// All that was ever written to a topic.
async fn end(admin: &Admin, topic: &str) -> Result<i64> {
    let ends = admin.end_offsets(topic).await;
    Ok(ends.with_context(|| format!("{topic} cannot be counted"))?.iter().sum())
}
