//! `worker explain`: the story of one booking, as the ledger has kept it.

mod revision;
mod sentences;
mod text;

use deadpool_postgres::Object;
use jiff::civil::{Date, DateTime};
use serde::Serialize;
use tokio_postgres::{IsolationLevel, Row};

use super::{Desk, Failure};
use crate::fault::Fault;
use crate::terminal::{harmless, json, print};
use revision::Revision;

/// What `worker explain` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The booking's id in the events; for one that has none, its row id
    booking_id: String,
    /// How many outcomes are told at most, the earliest first
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Each paragraph is one outcome of one record, in the order in which they came about: when, what, which record
(topic/partition@offset), why, and the record's trace and baggage. The last one is the booking as it is now. All
groups that share the database are told.

Examples:
  worker explain booking_456
  worker explain booking_456 --json | jq '.revisions[] | {outcome, reason, traceId}'";

/// The booking as it is now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Booking {
    row_id: i32,
    #[serde(rename = "bookingId")]
    id: Option<String>,
    user_id: i32,
    username: Option<String>,
    room_id: Option<String>,
    guests: i32,
    start_date: Date,
    end_date: Date,
    payment_id: Option<String>,
    status: Option<String>,
    created_at: Option<DateTime>,
    updated_at: Option<DateTime>,
}

/// All that is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Story {
    booking_id: String,
    revisions: Vec<Revision>,
    /// How many outcomes there are, told or not.
    total: u64,
    booking: Option<Booking>,
}

pub(super) async fn run(arguments: &Arguments, desk: &Desk) -> Result<(), Failure> {
    let story = read(arguments, desk).await?;
    if story.booking.is_none() && story.revisions.is_empty() {
        return Err(Failure::Refused(format!(
            "nothing is known of a booking {}: no record has named it, or the ledger has forgotten it",
            harmless(&arguments.booking_id)
        )));
    }
    let shown = if arguments.json { json(&story)? } else { text::render(&story, &desk.screen) };
    Ok(print(&shown)?)
}

/// Reads ledger and booking as they were at one moment.
async fn read(arguments: &Arguments, desk: &Desk) -> Result<Story, Fault> {
    let mut connection: Object = desk.pool.get().await?;
    let snapshot = connection
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let id = &arguments.booking_id;
    // PostgreSQL's text cannot hold NUL, so that nothing is filed under such an id.
    let id = id.replace('\0', "\u{FFFD}");
    let number: Option<i32> =
        Some(&id).filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).and_then(|id| id.parse().ok());
    let row = snapshot.query_opt(include_str!("booking.sql"), &[&id, &number]).await?;
    let mut subjects = vec![id.clone()];
    if let Some(row) = &row {
        subjects.extend(row.get::<_, Option<String>>("booking_id"));
        if row.get("has_number") {
            subjects.push(row.get::<_, i32>("id").to_string());
        }
    }
    let limit = i64::from(arguments.limit);
    let rows = snapshot.query(include_str!("ledger.sql"), &[&subjects, &limit]).await?;
    snapshot.commit().await?;
    let total = rows.first().map_or(0, |row| u64::try_from(row.get::<_, i64>("total")).unwrap_or_default());
    Ok(Story {
        booking_id: id,
        revisions: rows.iter().map(Revision::from).collect(),
        total,
        booking: row.as_ref().map(Booking::from),
    })
}

impl From<&Row> for Booking {
    fn from(row: &Row) -> Self {
        Self {
            row_id: row.get("id"),
            id: row.get("booking_id"),
            user_id: row.get("user_id"),
            username: row.get("username"),
            room_id: row.get("room"),
            guests: row.get("number_of_guests"),
            start_date: row.get("start_date"),
            end_date: row.get("end_date"),
            payment_id: row.get("payment_id"),
            status: row.get("status"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}
