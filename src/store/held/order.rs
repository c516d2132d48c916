//! The order of one subject's records: what waits, what comes behind it, what wakes it.

use std::collections::HashMap;

use tokio_postgres::Row;

use crate::fault::Fault;
use crate::record::Partition;
use crate::statement::{Parameters, statement};
use crate::store::Transaction;

/// How a record comes after an earlier one of its subject that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The earlier one holds back, or is due and not tried along: the later one queues.
    Queues,
    /// The earlier one waits for nothing but its turn or the subject itself: it goes first where that is there.
    GivesWay,
}

/// Of these subjects of records from an offset on, those that have waiting records, and how a later record comes behind
/// these. `turns` are the reasons with which a record waits for nothing but its turn or the subject itself.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn waiting(
    transaction: &Transaction,
    group: &str,
    (partition, offset): (&Partition, i64),
    subjects: &[&str],
    turns: &[&str],
) -> Result<HashMap<String, Option<Behind>>, Fault> {
    if subjects.is_empty() {
        return Ok(HashMap::new());
    }
    let key: Parameters<'_> = &[&group, &&*partition.topic, &subjects, &turns, &partition.number, &offset];
    let rows = transaction.read(statement!("held_waiting", "waiting.sql"), key).await?;
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

/// Of these claimed records, those that come after one of their subject that is not among them, and how. `turns` as for
/// [`waiting`].
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn behind(
    transaction: &Transaction,
    ids: &[i64],
    turns: &[&str],
) -> Result<HashMap<i64, Behind>, Fault> {
    let rows = transaction.read(statement!("held_behind", "behind.sql"), &[&ids, &turns]).await?;
    let behind = |row: &Row| {
        let queues: bool = row.try_get(1)?;
        Ok((row.try_get(0)?, if queues { Behind::Queues } else { Behind::GivesWay }))
    };
    rows.iter().map(behind).collect()
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
    let rows = transaction.write(statement!("held_wake", "wake.sql"), &[&group, &subjects]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
