//! `worker.held`: records set aside, whole, so that a retry or a person needs nothing else.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Fault, Transaction};
use crate::record::{Partition, Record};

/// The timestamps that are kept, in milliseconds since 1970: up to the year 9999. A producer may write any
/// number, and one past what PostgreSQL can hold would keep its record from being set aside at all.
const TIMESTAMPS: Range<i64> = 0..253_370_764_800_000;

/// The records of a batch that are set aside, column by column.
#[derive(Default)]
pub struct Entries<'a> {
    offsets: Vec<i64>,
    timestamps: Vec<Option<i64>>,
    keys: Vec<Option<&'a [u8]>>,
    payloads: Vec<Option<&'a [u8]>>,
    headers: Vec<Value>,
    subjects: Vec<&'a str>,
    reasons: Vec<&'static str>,
    statuses: Vec<&'static str>,
}

impl<'a> Entries<'a> {
    /// Sets a record aside. All columns grow together: `unnest` would fill up a shorter one with NULL.
    pub fn push(&mut self, record: &'a Record, subject: &'a str, reason: &'static str, status: &'static str) {
        self.offsets.push(record.offset);
        self.timestamps.push(record.timestamp.filter(|timestamp| TIMESTAMPS.contains(timestamp)));
        self.keys.push(record.key());
        self.payloads.push(record.payload());
        self.headers.push(headers(record));
        self.subjects.push(subject);
        self.reasons.push(reason);
        self.statuses.push(status);
    }

    /// Whether no record is set aside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Writes the rows.
    ///
    /// # Errors
    /// The [`Fault`] of the statement.
    pub async fn insert(
        &self,
        transaction: &Transaction,
        group: &str,
        partition: &Partition,
    ) -> Result<(), Fault> {
        transaction
            .execute(
                include_str!("held_insert.sql"),
                &[
                    &group,
                    &&*partition.topic,
                    &partition.number,
                    &self.offsets,
                    &self.timestamps,
                    &self.keys,
                    &self.payloads,
                    &self.headers,
                    &self.subjects,
                    &self.reasons,
                    &self.statuses,
                ],
            )
            .await?;
        Ok(())
    }
}

// jsonb refuses NUL, which Kafka's header names cannot hold; names that are not UTF-8 are shown as such.
fn headers(record: &Record) -> Value {
    record
        .headers()
        .map(|(name, value)| {
            json!({
                "name": String::from_utf8_lossy(name).replace('\0', "\u{FFFD}"),
                "value": value.map(|value| STANDARD.encode(value)),
            })
        })
        .collect()
}
