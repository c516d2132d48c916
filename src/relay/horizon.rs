//! The horizon: every number of the ledger up to it is committed or will never be.
//!
//! A row takes its number before its transaction commits, so that a higher number may be seen before a lower one.
//! Whoever writes to the ledger holds a lock on the table from before it takes its first number until its end is
//! visible to all. So the last number that was given out is settled once all who held that lock just afterwards
//! are over. Transactions that do not write to the ledger hold up nothing, however long they last.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::lease::Lease;
use crate::fault::Fault;
use crate::statement::statement;

/// How long a writer may hold up the horizon before that is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// How prepared transactions are named among the holders of locks. A transaction changes its name when it is
/// prepared, so any of these may be one of those that are waited for.
const PREPARED: &str = "-1/";

/// Who has written to the ledger and is not over: the transaction's name, and its server process.
type Writers = HashMap<String, Option<i32>>;

/// How far the numbers are settled, and what is waited for.
pub(super) struct Horizon {
    settled: Option<i64>,
    pending: Option<Pending>,
}

struct Pending {
    number: i64,
    writers: Writers,
    since: Instant,
    said: bool,
}

impl Horizon {
    /// What is published was settled before.
    pub(super) fn new(published: Option<i64>) -> Self {
        Self { settled: published, pending: None }
    }

    /// The highest settled number; none before the first look has come to its end.
    pub(super) fn settled(&self) -> Option<i64> {
        self.settled
    }

    /// Whether there is a number that is not yet settled.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Looks once.
    pub(super) async fn advance(&mut self, lease: &Lease) -> Result<(), Fault> {
        let mut pending = if let Some(mut pending) = self.pending.take() {
            let mut writers = writers(lease).await?;
            writers.retain(|name, _| pending.writers.contains_key(name) || name.starts_with(PREPARED));
            pending.writers = writers;
            pending
        } else {
            // The number first: whoever takes a later one is not waited for.
            let number = last_number(lease).await?;
            if self.settled == Some(number) {
                return Ok(());
            }
            Pending { number, writers: writers(lease).await?, since: Instant::now(), said: false }
        };
        if pending.writers.is_empty() {
            self.settled = Some(pending.number);
        } else {
            pending.complain();
            self.pending = Some(pending);
        }
        Ok(())
    }
}

impl Pending {
    fn complain(&mut self) {
        if self.said || self.since.elapsed() < PATIENCE {
            return;
        }
        self.said = true;
        let processes: Vec<i32> = self.writers.values().flatten().copied().collect();
        tracing::warn!(
            seconds = self.since.elapsed().as_secs(),
            processes = ?processes,
            "a transaction that has written to worker.ledger stays open, and later outcomes are published after \
             it; see these processes in pg_stat_activity, or pg_prepared_xacts where there are none"
        );
    }
}

async fn last_number(lease: &Lease) -> Result<i64, Fault> {
    let rows = lease.query(statement!("horizon_number.sql"), &[]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

async fn writers(lease: &Lease) -> Result<Writers, Fault> {
    let rows = lease.query(statement!("horizon_writers.sql"), &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
