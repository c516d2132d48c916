//! The end of it all: what became of every record that was sent, as the worker's ledger has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio_postgres::{Client, Row};

use super::feed::{Coordinates, Feed};
use super::terminal::{Colour, line, paint, say};

const SUMMARY: &str = include_str!("summary.sql");
const STORY: &str = include_str!("summary_story.sql");
const LOST: &str = "the ledger cannot be read";
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
    first_held: i64,
    redriven: i64,
}

impl Summary {
    /// From now on, by the database's clock.
    pub(crate) async fn begin(client: Client) -> Result<Self> {
        let since = client.query_one("SELECT now()", &[]).await?.get(0);
        Ok(Self { client, since })
    }

    /// Waits until the ledger knows of all that was sent and nothing waits any more; gives up in silence after
    /// `limit`.
    pub(crate) async fn settled(&self, feed: &Feed, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        let sent = feed.sent();
        while Instant::now() < deadline {
            // Asked for first: what is redriven then has its new outcome in the ledger.
            let are_helped = feed.latecomers().are_done();
            let lines = self.read(&sent).await?;
            let waits = lines.iter().any(|line| line.outcome == "held");
            if are_helped && !waits && recorded(&lines) == sent.len() {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Prints the table.
    pub(crate) async fn print(&self, sent: &[Coordinates]) -> Result<()> {
        let lines = self.read(sent).await?;
        let width = lines.iter().map(|line| line.topic.len()).max().unwrap_or(0).max(5);
        let heads =
            format!("  {:width$}  {:10} {:20} records  first held  redriven", "topic", "outcome", "reason");
        line("");
        line(&paint(&heads, Colour::Neutral));
        for Line { topic, outcome, reason, records, first_held, redriven } in &lines {
            let outcome = paint(&format!("{outcome:10}"), colour(outcome));
            let (held, redriven) = (some(*first_held), some(*redriven));
            let text =
                format!("  {topic:width$}  {outcome} {reason:20} {records:7}  {held:>10}  {redriven:>8}");
            line(text.trim_end());
        }
        line("");
        let recorded = recorded(&lines);
        let sum = |count: fn(&Line) -> i64| lines.iter().map(count).sum::<i64>();
        say(&format!(
            "{} records sent, {recorded} with a recorded outcome; {} were held at first, {} redriven.",
            sent.len(),
            sum(|line| line.first_held),
            sum(|line| line.redriven)
        ));
        if recorded < sent.len() {
            say("The others were still on their way: a worker started again would go on with them.");
        }
        Ok(())
    }

    /// The booking with the most interesting story; none where nothing is recorded.
    pub(crate) async fn story(&self, sent: &[Coordinates]) -> Result<Option<String>> {
        Ok(self.query(STORY, sent).await?.first().map(|row| row.get(0)))
    }

    async fn read(&self, sent: &[Coordinates]) -> Result<Vec<Line>> {
        let lines = self.query(SUMMARY, sent).await?;
        let lines = lines.iter().map(|row| Line {
            topic: row.get("topic"),
            outcome: row.get("outcome"),
            reason: row.get("reason"),
            records: row.get("records"),
            first_held: row.get("first_held"),
            redriven: row.get("redriven"),
        });
        Ok(lines.collect())
    }

    /// Asks the ledger about the records that were sent.
    async fn query(&self, sql: &str, sent: &[Coordinates]) -> Result<Vec<Row>> {
        let topics: Vec<&str> = sent.iter().map(|record| record.topic.as_str()).collect();
        let partitions: Vec<i32> = sent.iter().map(|record| record.partition).collect();
        let offsets: Vec<i64> = sent.iter().map(|record| record.offset).collect();
        self.client.query(sql, &[&self.since, &topics, &partitions, &offsets]).await.context(LOST)
    }
}

fn recorded(lines: &[Line]) -> usize {
    let records: i64 = lines.iter().map(|line| line.records).sum();
    usize::try_from(records).unwrap_or_default()
}

/// A count, where there is something to count.
fn some(count: i64) -> String {
    if count > 0 { count.to_string() } else { String::new() }
}

fn colour(outcome: &str) -> Colour {
    match outcome {
        "accepted" | "cancelled" => Colour::Good,
        "rejected" | "held" => Colour::Warning,
        "dead" => Colour::Bad,
        _ => Colour::Neutral,
    }
}
