//! `worker.positions`: how far each partition has been applied, moved only by compare-and-set.

use std::ops::Range;

use super::{Pool, Transaction};
use crate::fault::Fault;
use crate::record::Partition;
use crate::statement::{Parameters, statement};

/// The stored position of a partition: the offset of the next record to apply. None on first sight.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn load(pool: &Pool, group: &str, partition: &Partition) -> Result<Option<i64>, Fault> {
    let connection = pool.get().await?;
    let rows = statement!("positions_load.sql")
        .query(&connection, &[&group, &&*partition.topic, &partition.number])
        .await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// Stores where a partition starts that has no position yet, and returns the position as it is now: another
/// worker's may have come first.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn create(pool: &Pool, group: &str, partition: &Partition, start: i64) -> Result<i64, Fault> {
    let connection = pool.get().await?;
    let key: Parameters<'_> = &[&group, &&*partition.topic, &partition.number, &start];
    statement!("positions_create.sql").execute(&connection, key).await?;
    drop(connection);
    Ok(load(pool, group, partition).await?.unwrap_or(start))
}

/// Whether the group has begun with all the partitions that there were: those without a position are new.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn has_begun(pool: &Pool, group: &str) -> Result<bool, Fault> {
    let connection = pool.get().await?;
    Ok(!statement!("positions_begun.sql").query(&connection, &[&group]).await?.is_empty())
}

/// Begins with all partitions that there are, each at its offset, unless it has a position. Returns what it has
/// placed; none where the group had begun before.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn begin(
    pool: &Pool,
    group: &str,
    starts: &[(Partition, i64)],
) -> Result<Option<Vec<(Partition, i64)>>, Fault> {
    let topics: Vec<&str> = starts.iter().map(|(partition, _)| &*partition.topic).collect();
    let numbers: Vec<i32> = starts.iter().map(|(partition, _)| partition.number).collect();
    let offsets: Vec<i64> = starts.iter().map(|(_, offset)| *offset).collect();
    let connection = pool.get().await?;
    let parameters: Parameters<'_> = &[&group, &topics, &numbers, &offsets];
    let rows = statement!("positions_begin.sql").query(&connection, parameters).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut placed = Vec::with_capacity(rows.len());
    for row in &rows {
        // A single row of nulls where nothing was placed.
        if let Some(topic) = row.try_get::<_, Option<&str>>(0)? {
            let partition = Partition { topic: topic.into(), number: row.try_get(1)? };
            placed.push((partition, row.try_get(2)?));
        }
    }
    Ok(Some(placed))
}

/// Moves the position over records that retention removed before they were read, and counts them.
///
/// # Errors
/// [`Fault::Overtaken`] where the position is no longer `from`.
pub async fn skip(pool: &Pool, group: &str, partition: &Partition, from: i64, to: i64) -> Result<(), Fault> {
    let connection = pool.get().await?;
    let key: Parameters<'_> = &[&group, &&*partition.topic, &partition.number, &from, &to];
    moved(statement!("positions_skip.sql").execute(&connection, key).await?)
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
    let key: Parameters<'_> = &[&group, &&*partition.topic, &partition.number, &from, &to];
    moved(transaction.execute(statement!("positions_advance.sql"), key).await?)
}

/// Reads the position after a COMMIT whose answer was lost. It waits for the row's lock, which the lost
/// transaction holds until it has ended one way or the other.
///
/// # Errors
/// The [`Fault`] of the statement; [`Fault::Overtaken`] where the row is gone.
pub async fn settle(pool: &Pool, group: &str, partition: &Partition) -> Result<i64, Fault> {
    let connection = pool.get().await?;
    let rows = statement!("positions_settle.sql")
        .query(&connection, &[&group, &&*partition.topic, &partition.number])
        .await?;
    rows.first().map_or(Err(Fault::Overtaken), |row| Ok(row.try_get(0)?))
}

/// The offset below which a person has looked at the partition's dead records.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn dead_accepted_below(pool: &Pool, group: &str, partition: &Partition) -> Result<i64, Fault> {
    let connection = pool.get().await?;
    let rows = statement!("positions_dead_accepted.sql")
        .query(&connection, &[&group, &&*partition.topic, &partition.number])
        .await?;
    rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
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
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let key: Parameters<'_> =
        &[&group, &&*partition.topic, &partition.number, &offsets.end, &offsets.start, &most];
    let rows = statement!("positions_recent_dead.sql").query(&connection, key).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn moved(rows: u64) -> Result<(), Fault> {
    if rows == 1 { Ok(()) } else { Err(Fault::Overtaken) }
}
