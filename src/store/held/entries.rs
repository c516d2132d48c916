//! Records that are set aside, as rows of `worker.held`.

use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use super::headers::headers;
use crate::fault::Fault;
use crate::record::{Partition, Record};
use crate::statement::{Parameters, statement};
use crate::store::Transaction;

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
    seconds: Vec<f64>,
}

impl<'a> Entries<'a> {
    /// Sets a record aside; one that waits is due after `wait`. All columns grow together: `unnest` would fill up a
    /// shorter one with NULL.
    pub fn push(
        &mut self,
        record: &'a Record,
        subject: &'a str,
        reason: &'static str,
        status: &'static str,
        wait: Duration,
    ) {
        self.offsets.push(record.offset);
        self.timestamps.push(record.timestamp.filter(|timestamp| TIMESTAMPS.contains(timestamp)));
        self.keys.push(record.key());
        self.payloads.push(record.payload());
        self.headers.push(headers(record));
        self.subjects.push(subject);
        self.reasons.push(reason);
        self.statuses.push(status);
        self.seconds.push(wait.as_secs_f64());
    }

    /// Writes the rows; `holds_back` says whether later records of their subjects queue behind them.
    ///
    /// # Errors
    /// The [`Fault`] of the statement.
    pub async fn insert(
        &self,
        transaction: &Transaction,
        group: &str,
        partition: &Partition,
        holds_back: bool,
    ) -> Result<(), Fault> {
        if self.offsets.is_empty() {
            return Ok(());
        }
        transaction
            .execute(
                statement!("held_insert", "insert.sql"),
                &[
                    &group,
                    &&*partition.topic,
                    &partition.number,
                    &holds_back,
                    &self.offsets,
                    &self.timestamps,
                    &self.keys,
                    &self.payloads,
                    &self.headers,
                    &self.subjects,
                    &self.reasons,
                    &self.statuses,
                    &self.seconds,
                ],
            )
            .await?;
        Ok(())
    }
}

/// A record as it was read from its topic again.
#[derive(Clone)]
pub struct Reread {
    /// Where it stands.
    pub partition: Partition,
    /// The record.
    pub record: Record,
}

/// Diverted records of one partition that a person takes back for this group.
pub struct TakenBack<'a> {
    /// The records, as if they were dead.
    pub entries: Entries<'a>,
    /// The baggage of each, as the ledger keeps it.
    pub baggages: Vec<Option<&'a str>>,
}

impl TakenBack<'_> {
    /// Sets the records aside to be claimed in the same transaction, and returns their ids: those whose bytes are
    /// what the ledger speaks of, that are still diverted, and that no other group has taken.
    ///
    /// # Errors
    /// The [`Fault`] of the statement.
    pub async fn insert(
        &self,
        transaction: &Transaction,
        group: &str,
        partition: &Partition,
        holds_back: bool,
    ) -> Result<Vec<i64>, Fault> {
        let entries = &self.entries;
        let parameters: Parameters<'_> = &[
            &group,
            &&*partition.topic,
            &partition.number,
            &holds_back,
            &entries.offsets,
            &entries.timestamps,
            &entries.keys,
            &entries.payloads,
            &entries.headers,
            &entries.subjects,
            &entries.reasons,
            &entries.statuses,
            &self.baggages,
        ];
        let rows = transaction.write(statement!("held_take_back", "take_back.sql"), parameters).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// Removes the rows of records that a replay has decided anew.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn forget(
    transaction: &Transaction,
    group: &str,
    partition: &Partition,
    offsets: &[i64],
) -> Result<(), Fault> {
    let key: Parameters<'_> = &[&group, &&*partition.topic, &partition.number, &offsets];
    transaction.execute(statement!("held_forget", "forget.sql"), key).await?;
    Ok(())
}
