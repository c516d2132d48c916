//! The table at the end: every record's outcome, as the worker's ledger has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio_postgres::Client;

use super::terminal::{Colour, line, paint, say};

const SUMMARY: &str = include_str!("summary.sql");
const RECORDED: &str = "SELECT count(*) FROM worker.ledger WHERE recorded_at >= $1 AND revision = 0";
const POLL: Duration = Duration::from_millis(100);

/// One line of the table.
struct Line {
    topic: String,
    outcome: String,
    reason: String,
    records: i64,
}

/// The database's time, from which on the ledger's rows are this run's.
pub(crate) async fn now(client: &Client) -> Result<Timestamp> {
    Ok(client.query_one("SELECT now()", &[]).await?.get(0))
}

/// Waits until the ledger knows of all records that were sent; gives up in silence after `limit`.
pub(crate) async fn settled(client: &Client, since: Timestamp, sent: u64, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    while recorded(client, since).await? < sent && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Prints the table.
pub(crate) async fn print(client: &Client, since: Timestamp, sent: u64) -> Result<()> {
    let rows = client.query(SUMMARY, &[&since]).await.context("the ledger cannot be read")?;
    let lines: Vec<Line> = rows
        .iter()
        .map(|row| Line { topic: row.get(0), outcome: row.get(1), reason: row.get(2), records: row.get(3) })
        .collect();
    let width = lines.iter().map(|line| line.topic.len()).max().unwrap_or(0).max(5);
    line("");
    line(&paint(&format!("  {:width$}  {:10} {:20} records", "topic", "outcome", "reason"), Colour::Neutral));
    for Line { topic, outcome, reason, records } in &lines {
        let outcome = paint(&format!("{outcome:10}"), colour(outcome));
        line(&format!("  {topic:width$}  {outcome} {reason:20} {records:7}"));
    }
    line("");
    let recorded = recorded(client, since).await?;
    say(&format!("{sent} records sent, {recorded} with a recorded outcome."));
    if recorded < sent {
        say("The others were still on their way: a worker started again would go on with them.");
    }
    Ok(())
}

async fn recorded(client: &Client, since: Timestamp) -> Result<u64> {
    let count: i64 = client.query_one(RECORDED, &[&since]).await.context("the ledger cannot be read")?.get(0);
    Ok(count.unsigned_abs())
}

fn colour(outcome: &str) -> Colour {
    match outcome {
        "accepted" | "cancelled" => Colour::Good,
        "rejected" | "held" => Colour::Warning,
        "dead" => Colour::Bad,
        _ => Colour::Neutral,
    }
}
