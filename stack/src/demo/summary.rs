//! The table at the end: the outcome of every record that was sent, as the worker's ledger has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio_postgres::Client;

use super::feed::Coordinates;
use super::terminal::{Colour, line, paint, say};

const SUMMARY: &str = include_str!("summary.sql");
const POLL: Duration = Duration::from_millis(100);

/// Looks into the ledger from a moment on.
pub(crate) struct Summary {
    client: Client,
    since: Timestamp,
}

/// One line of the table.
struct Line {
    topic: String,
    outcome: String,
    reason: String,
    records: i64,
}

impl Summary {
    /// From now on, by the database's clock.
    pub(crate) async fn begin(client: Client) -> Result<Self> {
        let since = client.query_one("SELECT now()", &[]).await?.get(0);
        Ok(Self { client, since })
    }

    /// Waits until the ledger knows of all these records; gives up in silence after `limit`.
    pub(crate) async fn settled(&self, sent: &[Coordinates], limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while recorded(&self.read(sent).await?) < sent.len() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Prints the table.
    pub(crate) async fn print(&self, sent: &[Coordinates]) -> Result<()> {
        let lines = self.read(sent).await?;
        let width = lines.iter().map(|line| line.topic.len()).max().unwrap_or(0).max(5);
        let heads = format!("  {:width$}  {:10} {:20} records", "topic", "outcome", "reason");
        line("");
        line(&paint(&heads, Colour::Neutral));
        for Line { topic, outcome, reason, records } in &lines {
            let outcome = paint(&format!("{outcome:10}"), colour(outcome));
            line(&format!("  {topic:width$}  {outcome} {reason:20} {records:7}"));
        }
        line("");
        let recorded = recorded(&lines);
        say(&format!("{} records sent, {recorded} with a recorded outcome.", sent.len()));
        if recorded < sent.len() {
            say("The others were still on their way: a worker started again would go on with them.");
        }
        Ok(())
    }

    async fn read(&self, sent: &[Coordinates]) -> Result<Vec<Line>> {
        let topics: Vec<&str> = sent.iter().map(|record| record.topic.as_str()).collect();
        let partitions: Vec<i32> = sent.iter().map(|record| record.partition).collect();
        let offsets: Vec<i64> = sent.iter().map(|record| record.offset).collect();
        let rows = self
            .client
            .query(SUMMARY, &[&self.since, &topics, &partitions, &offsets])
            .await
            .context("the ledger cannot be read")?;
        let lines = rows.iter().map(|row| Line {
            topic: row.get(0),
            outcome: row.get(1),
            reason: row.get(2),
            records: row.get(3),
        });
        Ok(lines.collect())
    }
}

fn recorded(lines: &[Line]) -> usize {
    let records: i64 = lines.iter().map(|line| line.records).sum();
    usize::try_from(records).unwrap_or_default()
}

fn colour(outcome: &str) -> Colour {
    match outcome {
        "accepted" | "cancelled" => Colour::Good,
        "rejected" | "held" => Colour::Warning,
        "dead" => Colour::Bad,
        _ => Colour::Neutral,
    }
}
