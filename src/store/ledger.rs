//! `worker.ledger`: one row per record and change of its outcome, written in the transaction of the effect.

use tokio_postgres::error::SqlState;

use super::{Pool, Transaction};
use crate::context::Context;
use crate::fault::Fault;
use crate::outcome::Outcome;
use crate::record::Partition;
use crate::statement::{Parameters, statement};

/// Outcomes of records of one topic, column by column.
#[derive(Default)]
pub struct Entries<'a> {
    partitions: Vec<i32>,
    offsets: Vec<i64>,
    subjects: Vec<&'a str>,
    outcomes: Vec<&'static str>,
    reasons: Vec<Option<&'static str>>,
    baggages: Vec<Option<&'a str>>,
    trace_ids: Vec<[u8; 16]>,
    span_ids: Vec<[u8; 8]>,
    trace_flags: Vec<i16>,
    details: Vec<Option<&'a str>>,
    announcements: Vec<Option<&'a str>>,
}

/// The ledger's word for a dead record that a person has sent on its way again.
pub const REDRIVEN: &str = "redriven";

impl<'a> Entries<'a> {
    /// Room for this many records.
    #[must_use]
    pub fn with_capacity(records: usize) -> Self {
        Self {
            partitions: Vec::with_capacity(records),
            offsets: Vec::with_capacity(records),
            subjects: Vec::with_capacity(records),
            outcomes: Vec::with_capacity(records),
            reasons: Vec::with_capacity(records),
            baggages: Vec::with_capacity(records),
            trace_ids: Vec::with_capacity(records),
            span_ids: Vec::with_capacity(records),
            trace_flags: Vec::with_capacity(records),
            details: Vec::with_capacity(records),
            announcements: Vec::with_capacity(records),
        }
    }

    /// Adds what became of a record.
    pub fn push(
        &mut self,
        context: &'a Context<'_>,
        subject: &'a str,
        outcome: &'a Outcome,
        announcement: Option<&'a str>,
    ) {
        let words = (outcome.name(), outcome.reason());
        self.push_row(context, subject, words, outcome.detail(), announcement);
    }

    /// Adds that a dead record was sent on its way again.
    pub fn push_redriven(&mut self, context: &'a Context<'_>, subject: &'a str) {
        self.push_row(context, subject, (REDRIVEN, None), None, None);
    }

    // All columns grow together: `unnest` would fill up a shorter one with NULL without a word.
    fn push_row(
        &mut self,
        context: &'a Context<'_>,
        subject: &'a str,
        (outcome, reason): (&'static str, Option<&'static str>),
        detail: Option<&'a str>,
        announcement: Option<&'a str>,
    ) {
        let (baggage, trace) = (&context.baggage, &context.trace);
        self.partitions.push(context.partition.number);
        self.offsets.push(context.offset);
        self.subjects.push(subject);
        self.outcomes.push(outcome);
        self.reasons.push(reason);
        self.baggages.push((!baggage.is_empty()).then(|| baggage.text()));
        self.trace_ids.push(trace.trace_id.to_bytes());
        self.span_ids.push(trace.span_id.to_bytes());
        self.trace_flags.push(trace.flags().to_u8().into());
        self.details.push(detail);
        self.announcements.push(announcement);
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Writes the first outcomes of one partition's records.
    ///
    /// # Errors
    /// [`Fault::Recorded`] where a record has its row already; else the [`Fault`] of the statement.
    pub async fn insert(
        &self,
        transaction: &Transaction,
        group: &str,
        partition: &Partition,
    ) -> Result<(), Fault> {
        let inserted = transaction
            .execute(
                statement!("ledger_insert.sql"),
                &[
                    &group,
                    &&*partition.topic,
                    &partition.number,
                    &self.offsets,
                    &self.subjects,
                    &self.outcomes,
                    &self.reasons,
                    &self.baggages,
                    &slices(&self.trace_ids),
                    &slices(&self.span_ids),
                    &self.trace_flags,
                    &self.details,
                    &self.announcements,
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

    /// Writes the next revision of each record's outcome. A record may stand here once.
    ///
    /// # Errors
    /// The [`Fault`] of the statement.
    pub async fn revise(&self, transaction: &Transaction, group: &str, topic: &str) -> Result<(), Fault> {
        if self.is_empty() {
            return Ok(());
        }
        transaction
            .execute(
                statement!("ledger_revise.sql"),
                &[
                    &group,
                    &topic,
                    &self.partitions,
                    &self.offsets,
                    &self.subjects,
                    &self.outcomes,
                    &self.reasons,
                    &self.baggages,
                    &slices(&self.trace_ids),
                    &slices(&self.span_ids),
                    &self.trace_flags,
                    &self.details,
                    &self.announcements,
                ],
            )
            .await?;
        Ok(())
    }
}

/// The offset after a partition's last record that has an outcome; none where none has.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn end(pool: &Pool, group: &str, partition: &Partition) -> Result<Option<i64>, Fault> {
    let connection = pool.get().await?;
    let key: Parameters<'_> = &[&group, &&*partition.topic, &partition.number];
    let rows = statement!("ledger_end.sql").query(&connection, key).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.flatten())
}

fn slices<const LENGTH: usize>(ids: &[[u8; LENGTH]]) -> Vec<&[u8]> {
    ids.iter().map(<[u8; LENGTH]>::as_slice).collect()
}
