//! `worker.ledger`: one row per record, its outcome, written in the transaction of its effect.

use tokio_postgres::error::SqlState;

use super::{Fault, Transaction};
use crate::record::Partition;

/// The first outcome of each record of a batch, column by column.
#[derive(Default)]
pub struct Entries<'a> {
    offsets: Vec<i64>,
    subjects: Vec<&'a str>,
    outcomes: Vec<&'static str>,
    reasons: Vec<Option<&'static str>>,
    baggages: Vec<Option<&'a str>>,
    trace_ids: Vec<[u8; 16]>,
    details: Vec<Option<&'a str>>,
}

/// One row of the ledger.
pub struct Entry<'a> {
    /// The record's offset.
    pub offset: i64,
    /// What the record is about; without NUL.
    pub subject: &'a str,
    /// The outcome's word.
    pub outcome: &'static str,
    /// The reason's word.
    pub reason: Option<&'static str>,
    /// The record's baggage; without NUL. None where it has none.
    pub baggage: Option<&'a str>,
    /// The id of the record's trace.
    pub trace_id: [u8; 16],
    /// A sentence for people; without NUL.
    pub detail: Option<&'a str>,
}

impl<'a> Entries<'a> {
    /// Room for this many records.
    #[must_use]
    pub fn with_capacity(records: usize) -> Self {
        Self {
            offsets: Vec::with_capacity(records),
            subjects: Vec::with_capacity(records),
            outcomes: Vec::with_capacity(records),
            reasons: Vec::with_capacity(records),
            baggages: Vec::with_capacity(records),
            trace_ids: Vec::with_capacity(records),
            details: Vec::with_capacity(records),
        }
    }

    /// Adds a row. All columns grow together: `unnest` would fill up a shorter one with NULL without a word.
    pub fn push(&mut self, entry: &Entry<'a>) {
        self.offsets.push(entry.offset);
        self.subjects.push(entry.subject);
        self.outcomes.push(entry.outcome);
        self.reasons.push(entry.reason);
        self.baggages.push(entry.baggage);
        self.trace_ids.push(entry.trace_id);
        self.details.push(entry.detail);
    }

    /// Writes the rows.
    ///
    /// # Errors
    /// [`Fault::Recorded`] where a record has its row already; else the [`Fault`] of the statement.
    pub async fn insert(
        &self,
        transaction: &Transaction,
        group: &str,
        partition: &Partition,
    ) -> Result<(), Fault> {
        let trace_ids: Vec<&[u8]> = self.trace_ids.iter().map(<[u8; 16]>::as_slice).collect();
        let inserted = transaction
            .execute(
                include_str!("ledger_insert.sql"),
                &[
                    &group,
                    &&*partition.topic,
                    &partition.number,
                    &self.offsets,
                    &self.subjects,
                    &self.outcomes,
                    &self.reasons,
                    &self.baggages,
                    &trace_ids,
                    &self.details,
                ],
            )
            .await;
        match inserted {
            Ok(_) => Ok(()),
            Err(Fault::Fatal(cause)) if cause.code == Some(SqlState::UNIQUE_VIOLATION) => {
                Err(Fault::Recorded(cause))
            }
            Err(fault) => Err(fault),
        }
    }
}
