//! `worker.positions`: how far each partition has been applied, moved only by compare-and-set.

use std::ops::Range;

use super::{Fault, Pool, Transaction};
use crate::record::Partition;

/// The stored position of a partition: the offset of the next record to apply. None on first sight.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn load(pool: &Pool, group: &str, partition: &Partition) -> Result<Option<i64>, Fault> {
    let connection = pool.get().await?;
    let statement = connection.prepare_cached(include_str!("positions_load.sql")).await?;
    let row = connection.query_opt(&statement, &[&group, &&*partition.topic, &partition.number]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Stores where a partition starts that has no position yet, and returns the position as it is now: another
/// worker's may have come first.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn create(pool: &Pool, group: &str, partition: &Partition, start: i64) -> Result<i64, Fault> {
    let connection = pool.get().await?;
    let statement = connection.prepare_cached(include_str!("positions_create.sql")).await?;
    let key: super::transaction::Parameters<'_> = &[&group, &&*partition.topic, &partition.number, &start];
    connection.execute(&statement, key).await?;
    drop(connection);
    Ok(load(pool, group, partition).await?.unwrap_or(start))
}

/// Moves the position over records that retention removed before they were read, and counts them.
///
/// # Errors
/// [`Fault::Overtaken`] where the position is no longer `from`.
pub async fn skip(pool: &Pool, group: &str, partition: &Partition, from: i64, to: i64) -> Result<(), Fault> {
    let connection = pool.get().await?;
    let statement = connection.prepare_cached(include_str!("positions_skip.sql")).await?;
    let key: super::transaction::Parameters<'_> =
        &[&group, &&*partition.topic, &partition.number, &from, &to];
    moved(connection.execute(&statement, key).await?)
}

/// Moves the position from one offset to the next, as the last statement of the batch's transaction. It also
/// fails on a transaction that an earlier error has aborted, so that COMMIT cannot silently roll back.
///
/// # Errors
/// [`Fault::Overtaken`] where the position is no longer `from`: another owner has moved on.
pub async fn advance(
    transaction: &Transaction,
    group: &str,
    partition: &Partition,
    from: i64,
    to: i64,
) -> Result<(), Fault> {
    let key: super::transaction::Parameters<'_> =
        &[&group, &&*partition.topic, &partition.number, &from, &to];
    moved(transaction.execute(include_str!("positions_advance.sql"), key).await?)
}

/// Reads the position after a COMMIT whose answer was lost. It waits for the row's lock, which the lost
/// transaction holds until it has ended one way or the other.
///
/// # Errors
/// The [`Fault`] of the statement; [`Fault::Overtaken`] where the row is gone.
pub async fn settle(pool: &Pool, group: &str, partition: &Partition) -> Result<i64, Fault> {
    let connection = pool.get().await?;
    let statement = connection.prepare_cached(include_str!("positions_settle.sql")).await?;
    let row = connection.query_opt(&statement, &[&group, &&*partition.topic, &partition.number]).await?;
    row.map(|row| row.get(0)).ok_or(Fault::Overtaken)
}

/// The offset below which a person has looked at the partition's dead records.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn dead_accepted_below(pool: &Pool, group: &str, partition: &Partition) -> Result<i64, Fault> {
    let connection = pool.get().await?;
    let statement = connection.prepare_cached(include_str!("positions_dead_accepted.sql")).await?;
    let row = connection.query_opt(&statement, &[&group, &&*partition.topic, &partition.number]).await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Whether each of the partition's last records below the position was dead, from this offset on, the oldest
/// first, at most so many.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn recent_dead(
    pool: &Pool,
    group: &str,
    partition: &Partition,
    offsets: Range<i64>,
    most: usize,
) -> Result<Vec<bool>, Fault> {
    let connection = pool.get().await?;
    let statement = connection.prepare_cached(include_str!("positions_recent_dead.sql")).await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let key: super::transaction::Parameters<'_> =
        &[&group, &&*partition.topic, &partition.number, &offsets.end, &offsets.start, &most];
    let rows = connection.query(&statement, key).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn moved(rows: u64) -> Result<(), Fault> {
    if rows == 1 { Ok(()) } else { Err(Fault::Overtaken) }
}
