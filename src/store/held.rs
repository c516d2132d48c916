//! `worker.held`: records set aside, whole, so that a retry or a person needs nothing else.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::statement::{Parameters, statement};
use super::{Cause, Fault, Transaction};
use crate::record::{Header, Partition, Record};

/// The timestamps that are kept, in milliseconds since 1970: up to the year 9999. A producer may write any
/// number, and one past what PostgreSQL can hold would keep its record from being set aside at all.
const TIMESTAMPS: Range<i64> = 0..253_370_764_800_000;

/// The most payload bytes that one retry claims.
const CLAIMED_BYTES: i64 = 4 << 20;

/// How long records wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The shortest wait between two tries.
    pub shortest: Duration,
    /// The longest wait between two tries.
    pub longest: Duration,
    /// How long a record waits in all before it is dead.
    pub limit: Duration,
}

impl Patience {
    /// The wait before the first try of a record that was set aside.
    #[must_use]
    pub fn first_wait(&self) -> Duration {
        self.wait(0)
    }

    /// The wait after so many tries: anything from the shortest up to a bound that doubles with each try
    /// (exponential backoff, full jitter).
    fn wait(&self, tries: i32) -> Duration {
        let doubled = self.shortest.saturating_mul(1 << tries.clamp(0, 30).saturating_add(1).min(30));
        let bound = doubled.min(self.longest).max(self.shortest);
        self.shortest + bound.saturating_sub(self.shortest).mul_f64(fastrand::f64())
    }
}

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
    /// Sets a record aside; one that waits is due after `wait`. All columns grow together: `unnest` would fill up a shorter one with NULL.
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
                statement!("held_insert.sql"),
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
        let rows = transaction.write(statement!("held_take_back.sql"), parameters).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// How a record comes after an earlier one of its subject that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The earlier one holds back, or somebody else works on it: the later one queues.
    Queues,
    /// The earlier one waits for nothing but its turn or the subject itself: it goes first where that is there.
    GivesWay,
}

/// Of these subjects of a topic's records, those that have waiting records, and how a later record comes behind these.
/// `turns` are the reasons with which a record waits for nothing but its turn or the subject itself.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn waiting(
    transaction: &Transaction,
    group: &str,
    topic: &str,
    subjects: &[&str],
    turns: &[&str],
) -> Result<HashMap<String, Option<Behind>>, Fault> {
    if subjects.is_empty() {
        return Ok(HashMap::new());
    }
    let key: Parameters<'_> = &[&group, &topic, &subjects, &turns];
    let rows = transaction.read(statement!("held_waiting.sql"), key).await?;
    let waiting = |row: &Row| {
        let behind = match (row.try_get(1)?, row.try_get(2)?) {
            (true, _) => Some(Behind::Queues),
            (false, true) => Some(Behind::GivesWay),
            (false, false) => None,
        };
        Ok((row.try_get(0)?, behind))
    };
    rows.iter().map(waiting).collect()
}

/// Makes what waits for these subjects due at once; returns the subjects of which a record was passed over because
/// somebody else works on it.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn wake(transaction: &Transaction, group: &str, subjects: &[&str]) -> Result<Vec<String>, Fault> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let rows = transaction.write(statement!("held_wake.sql"), &[&group, &subjects]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
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
    transaction.execute(statement!("held_forget.sql"), key).await?;
    Ok(())
}

/// A record taken up again, its row locked until the transaction ends.
pub struct Claimed {
    /// `worker.held.id`: the order in which records were set aside.
    pub id: i64,
    /// The record as it was.
    pub record: Record,
    /// Where it stands.
    pub partition: Partition,
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

/// A record as it was read from its topic again.
#[derive(Clone)]
pub struct Reread {
    /// Where it stands.
    pub partition: Partition,
    /// The record.
    pub record: Record,
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
            transaction.write(statement!("held_claim_due.sql"), parameters).await?
        }
        Claim::These(ids) => {
            transaction.write(statement!("held_claim_these.sql"), &[&group, &&**topic, &ids]).await?
        }
    };
    rows.iter().map(|row| claimed(row, topic)).collect()
}

/// Of these claimed records, those that come after one of their subject, and how. `turns` as for [`waiting`].
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn behind(
    transaction: &Transaction,
    ids: &[i64],
    turns: &[&str],
) -> Result<HashMap<i64, Behind>, Fault> {
    let rows = transaction.read(statement!("held_behind.sql"), &[&ids, &turns]).await?;
    let behind = |row: &Row| {
        let queues: bool = row.try_get(1)?;
        Ok((row.try_get(0)?, if queues { Behind::Queues } else { Behind::GivesWay }))
    };
    rows.iter().map(behind).collect()
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
            transaction.execute(statement!("held_update.sql"), columns).await?;
        }
        if !self.resolved.is_empty() {
            transaction.execute(statement!("held_resolve.sql"), &[&self.resolved]).await?;
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

// jsonb takes no NUL and nothing but UTF-8: a name that has other bytes is shown with U+FFFD and kept beside.
fn headers(record: &Record) -> Value {
    record
        .headers()
        .map(|(name, value)| {
            let shown = String::from_utf8_lossy(name).replace('\0', "\u{FFFD}");
            let is_exact = shown.as_bytes() == name;
            let mut header = json!({"name": shown, "value": value.map(|value| STANDARD.encode(value))});
            if !is_exact {
                header["nameBytes"] = STANDARD.encode(name).into();
            }
            header
        })
        .collect()
}

/// A header as the producer wrote it: its name, which need not be UTF-8, and its value, which may be absent.
pub type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

/// Reads the headers of a row of `worker.held`.
///
/// # Errors
/// [`Fault::Fatal`] where they are not what the worker writes.
pub fn headers_of(value: Value) -> Result<Vec<OwnedHeader>, Fault> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kept {
        name: String,
        name_bytes: Option<String>,
        value: Option<String>,
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        Fault::Fatal(Cause::new(format!("worker.held has headers that the worker did not write: {error}")))
    };
    let kept: Vec<Kept> = serde_json::from_value(value).map_err(|error| unreadable(&error))?;
    kept.into_iter()
        .map(|header| {
            let decoded = |text: String| STANDARD.decode(text).map_err(|error| unreadable(&error));
            let name = header.name_bytes.map(decoded).transpose()?;
            let name = name.unwrap_or_else(|| header.name.into_bytes());
            Ok((name, header.value.map(decoded).transpose()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_shortest_to_the_longest() {
        let seconds = Duration::from_secs;
        let patience = Patience { shortest: seconds(1), longest: seconds(60), limit: seconds(3600) };
        for (tries, most) in [(0, 2), (1, 4), (4, 32), (5, 60), (30, 60), (i32::MAX, 60), (-1, 2)] {
            for _ in 0..100 {
                let wait = patience.wait(tries);
                assert!((seconds(1)..=seconds(most)).contains(&wait), "{tries} tries: {wait:?}");
            }
        }
    }
}
