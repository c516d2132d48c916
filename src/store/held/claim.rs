//! Records that are taken up again, and what becomes of their rows.

use std::sync::Arc;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tokio_postgres::Row;

use super::Patience;
use super::headers::headers_of;
use crate::fault::Fault;
use crate::record::{Header, Partition, Record};
use crate::statement::{Parameters, statement};
use crate::store::Transaction;

/// The most payload bytes that one retry claims.
const CLAIMED_BYTES: i64 = 4 << 20;

/// A record taken up again, its row locked until the transaction ends.
pub struct Claimed {
    /// `worker.held.id`: the order in which records were set aside.
    pub id: i64,
    /// The record as it was.
    pub record: Record,
    /// Where it stands.
    pub partition: Partition,
    /// What it is filed under.
    pub subject: String,
    /// Whether it is dead; it waits otherwise.
    pub dead: bool,
    /// Why it was set aside.
    pub reason: String,
    /// How often it has been tried since.
    pub tries: i32,
    /// Whether it has waited for too long.
    pub expired: bool,
    /// The span of its first try.
    pub first_try: Option<SpanContext>,
}

/// Which records a retry takes up.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// Those that are due, up to this many.
    Due(usize),
    /// Those with these ids, due or not, dead or not.
    These(&'a [i64]),
}

/// Claims records of a topic, in the order in which they were set aside. What others work on is passed over.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn claim(
    transaction: &Transaction,
    group: &str,
    topic: &Arc<str>,
    claim: Claim<'_>,
    patience: &Patience,
) -> Result<Vec<Claimed>, Fault> {
    let rows = match claim {
        Claim::Due(most) => {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let limit = patience.limit.as_secs_f64();
            let parameters: Parameters<'_> = &[&group, &&**topic, &most, &limit, &CLAIMED_BYTES];
            transaction.write(statement!("held_claim_due", "claim_due.sql"), parameters).await?
        }
        Claim::These(ids) => {
            transaction
                .write(statement!("held_claim_these", "claim_these.sql"), &[&group, &&**topic, &ids])
                .await?
        }
    };
    rows.iter().map(|row| claimed(row, topic)).collect()
}

/// What a retry makes of claimed records, column by column.
#[derive(Default)]
pub struct Changes<'a> {
    resolved: Vec<i64>,
    ids: Vec<i64>,
    subjects: Vec<&'a str>,
    reasons: Vec<&'static str>,
    statuses: Vec<&'static str>,
    seconds: Vec<f64>,
}

impl<'a> Changes<'a> {
    /// The record is done.
    pub fn resolve(&mut self, claimed: &Claimed) {
        self.resolved.push(claimed.id);
    }

    /// The record stays set aside.
    pub fn keep(
        &mut self,
        claimed: &Claimed,
        subject: &'a str,
        reason: &'static str,
        status: &'static str,
        patience: &Patience,
    ) {
        self.ids.push(claimed.id);
        self.subjects.push(subject);
        self.reasons.push(reason);
        self.statuses.push(status);
        self.seconds.push(patience.wait(claimed.tries.saturating_add(1)).as_secs_f64());
    }

    /// Writes the changes.
    ///
    /// # Errors
    /// The [`Fault`] of the statements.
    pub async fn write(&self, transaction: &Transaction) -> Result<(), Fault> {
        if !self.ids.is_empty() {
            let columns: Parameters<'_> =
                &[&self.ids, &self.subjects, &self.reasons, &self.statuses, &self.seconds];
            transaction.execute(statement!("held_update", "update.sql"), columns).await?;
        }
        if !self.resolved.is_empty() {
            transaction.execute(statement!("held_resolve", "resolve.sql"), &[&self.resolved]).await?;
        }
        Ok(())
    }
}

fn claimed(row: &Row, topic: &Arc<str>) -> Result<Claimed, Fault> {
    let key: Option<&[u8]> = row.try_get("key")?;
    let payload: Option<&[u8]> = row.try_get("payload")?;
    let headers = headers_of(row.try_get("headers")?)?;
    let headers = headers.iter().map(|(name, value)| -> Header<'_> { (name.as_slice(), value.as_deref()) });
    let status: &str = row.try_get("status")?;
    Ok(Claimed {
        id: row.try_get("id")?,
        record: Record::new(
            row.try_get("record_offset")?,
            row.try_get("record_timestamp")?,
            key,
            payload,
            headers,
        ),
        partition: Partition { topic: topic.clone(), number: row.try_get("partition")? },
        subject: row.try_get("subject")?,
        dead: status == "dead",
        reason: row.try_get("reason")?,
        tries: row.try_get("attempts")?,
        expired: row.try_get("expired")?,
        first_try: first_try(row)?,
    })
}

/// None where the ledger's row is older than spans.
fn first_try(row: &Row) -> Result<Option<SpanContext>, Fault> {
    let trace_id: Option<&[u8]> = row.try_get("trace_id")?;
    let span_id: Option<&[u8]> = row.try_get("span_id")?;
    let flags: Option<i16> = row.try_get("trace_flags")?;
    let context = || {
        let trace_id = TraceId::from_bytes(trace_id?.try_into().ok()?);
        let span_id = SpanId::from_bytes(span_id?.try_into().ok()?);
        let flags = TraceFlags::new(u8::try_from(flags?).ok()?);
        Some(SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE))
    };
    Ok(context().filter(SpanContext::is_valid))
}
