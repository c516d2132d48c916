//! The ledger's rows that somebody is to be told about, in the order of their numbers, a window at a time.

use std::ops::Range;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::lease::Lease;
use super::message::Header;
use crate::fault::Fault;
use crate::statement::{Parameters, statement};
use crate::store::held;

/// The most rows of a window.
const ROWS: i64 = 1_000;

/// The most bytes of dead records in a window, unless a single one is larger.
const BYTES: i64 = 4 << 20;

/// Rows that are published together.
pub(super) struct Window {
    pub(super) entries: Vec<Entry>,
    /// The number up to which these are all.
    pub(super) through: i64,
}

/// A row of the ledger.
pub(super) struct Entry {
    pub(super) sequence: i64,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) revision: i16,
    pub(super) subject: String,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) baggage: Option<String>,
    pub(super) trace: Option<Trace>,
    pub(super) recorded_at: Timestamp,
    pub(super) announcement: Option<String>,
    pub(super) is_dead: bool,
    /// The record, where it is dead and still kept.
    pub(super) record: Option<Kept>,
}

/// The record's own span.
pub(super) struct Trace {
    pub(super) id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    pub(super) flags: i16,
}

/// A dead record as `worker.held` keeps it.
pub(super) struct Kept {
    /// In milliseconds since 1970.
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) headers: Vec<Header>,
}

/// Reads the next window: after the first of these numbers, up to the last.
pub(super) async fn read(lease: &Lease, group: &str, numbers: Range<i64>) -> Result<Window, Fault> {
    let parameters: Parameters<'_> = &[&group, &numbers.start, &numbers.end, &ROWS];
    let rows = lease.query(statement!("outbox_read.sql"), parameters).await?;
    let entries = rows.iter().map(entry).collect::<Result<Vec<_>, Fault>>()?;
    let is_full = i64::try_from(entries.len()).is_ok_and(|rows| rows >= ROWS);
    let through = match entries.last() {
        Some(last) if is_full => last.sequence,
        _ => numbers.end,
    };
    with_records(lease, group, Window { entries, through }).await
}

/// Adds the dead records; ends the window before the first that no longer fits.
async fn with_records(lease: &Lease, group: &str, mut window: Window) -> Result<Window, Fault> {
    let dead: Vec<&Entry> = window.entries.iter().filter(|entry| entry.is_dead).collect();
    if dead.is_empty() {
        return Ok(window);
    }
    let sequences: Vec<i64> = dead.iter().map(|entry| entry.sequence).collect();
    let topics: Vec<&str> = dead.iter().map(|entry| &*entry.topic).collect();
    let partitions: Vec<i32> = dead.iter().map(|entry| entry.partition).collect();
    let offsets: Vec<i64> = dead.iter().map(|entry| entry.offset).collect();
    let parameters: Parameters<'_> = &[&group, &sequences, &topics, &partitions, &offsets, &BYTES];
    let rows = lease.query(statement!("outbox_records.sql"), parameters).await?;
    if let Some(first_left_out) = sequences.get(rows.len()) {
        window.entries.retain(|entry| entry.sequence < *first_left_out);
        window.through = first_left_out - 1;
    }
    let dead = window.entries.iter_mut().filter(|entry| entry.is_dead);
    for (entry, row) in dead.zip(&rows) {
        entry.record = kept(row)?;
    }
    Ok(window)
}

fn entry(row: &Row) -> Result<Entry, Fault> {
    let (trace_id, span_id, flags) =
        (row.try_get("trace_id")?, row.try_get("span_id")?, row.try_get("trace_flags")?);
    let trace = match (trace_id, span_id, flags) {
        (Some(id), Some(span_id), Some(flags)) => Some(Trace { id, span_id, flags }),
        _ => None,
    };
    Ok(Entry {
        sequence: row.try_get("sequence")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        revision: row.try_get("revision")?,
        subject: row.try_get("subject")?,
        outcome: row.try_get("outcome")?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        baggage: row.try_get("baggage")?,
        trace,
        recorded_at: row.try_get("recorded_at")?,
        announcement: row.try_get("announcement")?,
        is_dead: row.try_get("is_dead")?,
        record: None,
    })
}

fn kept(row: &Row) -> Result<Option<Kept>, Fault> {
    if !row.try_get("is_kept")? {
        return Ok(None);
    }
    Ok(Some(Kept {
        timestamp: row.try_get("record_timestamp")?,
        key: row.try_get("key")?,
        payload: row.try_get("payload")?,
        headers: held::headers_of(row.try_get("headers")?)?,
    }))
}
