//! `worker held list`: the records that were set aside, oldest first.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

use super::diverted;
use super::filter::{Filter, Status, Values};
use crate::ops::words::{records, span, word};
use crate::ops::{Desk, Failure};
use crate::statement::statement;
use crate::terminal::{Cell, Column, Table, json, print};

/// What `worker held list` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Only records of this status; may be repeated
    #[arg(long, value_enum, default_values = ["waiting", "dead"])]
    status: Vec<Status>,
    #[command(flatten)]
    filter: Filter,
    /// How many are shown at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  worker held list                             what waits or is dead
  worker held list --status dead --older-than 1d
  worker held list --booking booking_456
  worker held list --reason unknown_user --json
  worker held list --status diverted --namespace ana   what nobody took that was meant for this overlay";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: i64,
    topic: String,
    partition: i32,
    offset: i64,
    subject: String,
    reason: String,
    status: String,
    attempts: i32,
    held_since: Timestamp,
    next_attempt_at: Option<Timestamp>,
    #[serde(skip)]
    age: f64,
    #[serde(skip)]
    due_in: Option<f64>,
}

pub(super) async fn run(arguments: &Arguments, desk: &Desk) -> Result<(), Failure> {
    let limit = arguments.limit;
    if arguments.filter.is_of_diverted(&arguments.status, &Status::Diverted)? {
        return diverted::list(&arguments.filter, limit, arguments.json, desk).await;
    }
    let statuses: Vec<&str> = arguments.status.iter().map(|status| status.name()).collect();
    let Values { reason, topic, subject, seconds } = arguments.filter.values();
    let limit = i64::from(limit);
    let rows = desk
        .query(
            statement!("list.sql"),
            &[&desk.group(), &statuses, &reason, &topic, &subject, &seconds, &limit],
        )
        .await?;
    let total = rows.first().map_or(0, |row| u64::try_from(row.get::<_, i64>("total")).unwrap_or_default());
    let entries: Vec<Entry> = rows.iter().map(entry).collect();
    if arguments.json {
        return Ok(print(&json(&serde_json::json!({ "records": entries, "total": total }))?)?);
    }
    if entries.is_empty() {
        return Ok(print("no such record is set aside")?);
    }
    let more = total.saturating_sub(entries.len() as u64);
    print(&render(&entries, desk))?;
    if more > 0 {
        print(&format!("… and {} more; --limit shows more of them", records(more)))?;
    }
    Ok(())
}

fn entry(row: &Row) -> Entry {
    Entry {
        id: row.get("id"),
        topic: row.get("topic"),
        partition: row.get("partition"),
        offset: row.get("record_offset"),
        subject: row.get("subject"),
        reason: row.get("reason"),
        status: row.get("status"),
        attempts: row.get("attempts"),
        held_since: row.get("created_at"),
        next_attempt_at: row.get("next_attempt_at"),
        age: row.get("age"),
        due_in: row.get("due_in"),
    }
}

fn render(entries: &[Entry], desk: &Desk) -> String {
    let mut table = Table::new([
        Column::number("ID"),
        Column::place("RECORD"),
        Column::text("BOOKING"),
        Column::word("REASON"),
        Column::word("STATUS"),
        Column::number("TRIES"),
        Column::number("AGE"),
        Column::number("NEXT TRY"),
    ]);
    for entry in entries {
        let next =
            entry.due_in.map(|due| if due > 0.0 { format!("in {}", span(due)) } else { "now".to_owned() });
        table.push([
            entry.id.to_string().into(),
            format!("{}/{}@{}", entry.topic, entry.partition, entry.offset).into(),
            entry.subject.as_str().into(),
            entry.reason.as_str().into(),
            word(&entry.status),
            entry.attempts.to_string().into(),
            span(entry.age).into(),
            Cell::or_none(next),
        ]);
    }
    table.render(&desk.screen)
}
