//! What the operating system and PostgreSQL know: CPU time, memory, progress.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio_postgres::Client;

/// Ticks of CPU time a second, as Linux reports them on every common architecture.
const TICKS: f64 = 100.0;

/// The CPU time of a process so far, in seconds.
pub fn cpu_seconds(process: u32) -> f64 {
    fields(process).map_or(0.0, |fields| ticks(&fields, 11..13))
}

/// The CPU time of all processes of this name that descend from this one, in seconds; those that have ended
/// under a living one included.
pub fn cpu_seconds_of_all(name: &str) -> f64 {
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0.0 };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process: &u32| {
            std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|comm| comm.trim() == name)
        })
        .filter(|process| descends(*process))
        .filter_map(fields)
        .map(|fields| ticks(&fields, 11..15))
        .sum()
}

fn descends(mut process: u32) -> bool {
    // The second field after the name is the parent.
    while let Some(fields) = fields(process) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a process id")]
        let parent = fields.get(1).map_or(0, |parent| *parent as u32);
        if parent == std::process::id() {
            return true;
        }
        process = parent;
    }
    false
}

/// A line of `/proc/PID/status` in MiB, such as `VmHWM`, the peak of resident memory.
pub fn memory_mib(process: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN);
    kib / 1024.0
}

/// How many records the positions say were applied.
pub async fn applied(database: &Client) -> Result<i64> {
    let sql = "SELECT coalesce(sum(next_offset), 0)::bigint FROM worker.positions";
    Ok(database.query_one(sql, &[]).await?.get(0))
}

/// Waits until this many records are applied, or the time is over; returns how many are.
pub async fn wait_for(database: &Client, records: i64, limit: Duration) -> Result<i64> {
    let deadline = Instant::now() + limit;
    loop {
        let applied = applied(database).await?;
        if applied >= records || Instant::now() >= deadline {
            return Ok(applied);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The seconds since the first batch's transaction began, by the ledger.
pub async fn seconds_since_first(database: &Client) -> Result<f64> {
    let sql = "SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::float8 FROM worker.ledger";
    match database.query_one(sql, &[]).await?.get(0) {
        Some(seconds) => Ok(seconds),
        None => bail!("nothing was applied"),
    }
}

/// The share of a topic's records that were held at first.
pub async fn share_held(database: &Client, topic: &str) -> Result<f64> {
    let sql = "SELECT (count(*) FILTER (WHERE outcome = 'held'))::float8 / count(*) FROM worker.ledger \
               WHERE topic = $1 AND revision = 0";
    Ok(database.query_one(sql, &[&topic]).await?.get(0))
}

/// The value below which this share of the values lies.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into some thousands of values"
    )]
    let index = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    quantile(&mut values.to_vec(), 0.5)
}

// The fields after the command's name, which may hold blanks.
fn fields(process: u32) -> Option<Vec<f64>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
}

fn ticks(fields: &[f64], range: std::ops::Range<usize>) -> f64 {
    fields.get(range).unwrap_or_default().iter().sum::<f64>() / TICKS
}
