//! `worker.relay`: up to which number everything is published, moved only by compare-and-set.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lease::Lease;
use crate::fault::{Cause, Fault};
use crate::statement::{Parameters, statement};

/// The most numbers that one look passes: a bound for the statement where most of them are other groups'.
const SPAN: i64 = 100_000;

/// How often the cursor is stored where nothing was published.
const IDLE: Duration = Duration::from_secs(5);

/// How far a group's outcomes are published.
pub(super) struct Cursor {
    group: Arc<str>,
    /// As PostgreSQL has it.
    stored: i64,
    /// As it is; ahead of the stored one only by what nobody is told.
    reached: i64,
    written: Option<Instant>,
}

impl Cursor {
    /// The group's cursor; none where it has never had a relay.
    pub(super) async fn load(lease: &Lease, group: &Arc<str>) -> Result<Option<Self>, Fault> {
        let rows = lease.query(statement!("cursor_load.sql"), &[&&**group]).await?;
        let stored = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(stored.map(|stored| Self { group: group.clone(), stored, reached: stored, written: None }))
    }

    /// Begins just before the group's first row; where it has none up to the horizon, at the horizon.
    pub(super) async fn begin(lease: &Lease, group: &Arc<str>, settled: i64) -> Result<Option<Self>, Fault> {
        lease.query(statement!("cursor_begin.sql"), &[&&**group, &settled]).await?;
        Self::load(lease, group).await
    }

    /// Up to which number everything is published.
    pub(super) fn reached(&self) -> i64 {
        self.reached
    }

    /// The numbers to look at next, the first excluded and the last included; none where all are published.
    pub(super) fn ahead(&self, settled: i64) -> Option<Range<i64>> {
        (self.reached < settled).then(|| self.reached..settled.min(self.reached.saturating_add(SPAN)))
    }

    /// Everything up to this number is published.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub(super) async fn advance(&mut self, lease: &Lease, to: i64, published: bool) -> Result<(), Fault> {
        self.reached = to;
        if published { self.store(lease).await } else { Ok(()) }
    }

    /// Stores a cursor that has moved without anything to publish, now and then.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub(super) async fn rest(&mut self, lease: &Lease) -> Result<(), Fault> {
        let is_due = self.written.is_none_or(|written| written.elapsed() >= IDLE);
        if is_due && self.reached > self.stored { self.store(lease).await } else { Ok(()) }
    }

    /// Stores the cursor.
    ///
    /// # Errors
    /// [`Fault::Transient`] where another relay has moved it: the next turn begins where that one is.
    async fn store(&mut self, lease: &Lease) -> Result<(), Fault> {
        let key: Parameters<'_> = &[&&*self.group, &self.stored, &self.reached];
        if lease.query(statement!("cursor_advance.sql"), key).await?.len() != 1 {
            return Err(Fault::Transient(Cause::new("another relay has moved the cursor")));
        }
        self.stored = self.reached;
        self.written = Some(Instant::now());
        Ok(())
    }
}
