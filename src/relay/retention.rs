//! What the ledger need not keep: rows of records that are settled, published, and older than `LEDGER_RETENTION`.
//!
//! Each partition's rows go from the front, up to the first that is too young or not yet published; those of records
//! that wait or are dead stay behind. Every round takes another look at a part of these too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lease::Lease;
use crate::fault::Fault;
use crate::statement::{Parameters, statement};

/// How often there is a round over all partitions.
const ROUND: Duration = Duration::from_mins(1);

/// The most rows that one step looks at; the last record's rows are looked at together.
const ROWS: i64 = 5_000;

/// Deletes with restraint: a step at a time, between two windows of the relay.
pub(super) struct Retention {
    group: Arc<str>,
    seconds: f64,
    next_round: Instant,
    /// The partitions that this round has not finished, the next one last.
    left: Vec<Place>,
    /// From which offset each partition's rows that stayed behind are looked at next.
    revisit: HashMap<Place, i64>,
}

type Place = (String, i32);

/// What a look at a part of a partition has shown.
struct Look {
    /// Whether there are rows that are old and published.
    has_old: bool,
    /// The offsets that were looked at, as far as all rows may go.
    from: i64,
    below: i64,
    /// Whether there may be more behind.
    is_full: bool,
}

impl Retention {
    /// The first round begins at once.
    pub(super) fn new(group: Arc<str>, retention: Duration) -> Self {
        Self {
            group,
            seconds: retention.as_secs_f64(),
            next_round: Instant::now(),
            left: Vec::new(),
            revisit: HashMap::new(),
        }
    }

    /// Does one step, where there is one to do; false where the round is over.
    pub(super) async fn step(&mut self, lease: &Lease) -> Result<bool, Fault> {
        if self.left.is_empty() {
            if Instant::now() < self.next_round {
                return Ok(false);
            }
            self.next_round = Instant::now() + ROUND;
            self.left = self.partitions(lease).await?;
        }
        let Some(place) = self.left.last().cloned() else { return Ok(false) };
        let front = self.look(lease, &place, None).await?;
        self.delete(lease, &place, &front).await?;
        if !front.is_full {
            self.left.pop();
            self.look_back(lease, place).await?;
        }
        Ok(true)
    }

    /// Looks at a part of what stayed behind: a person may have settled it since.
    async fn look_back(&mut self, lease: &Lease, place: Place) -> Result<(), Fault> {
        let from = self.revisit.get(&place).copied().unwrap_or_default();
        let look = self.look(lease, &place, Some(from)).await?;
        self.delete(lease, &place, &look).await?;
        self.revisit.insert(place, if look.is_full { look.below } else { 0 });
        Ok(())
    }

    async fn partitions(&self, lease: &Lease) -> Result<Vec<Place>, Fault> {
        let rows = lease.query(statement!("retention_partitions.sql"), &[&&*self.group]).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Looks at the front of a partition's rows, or at what stayed behind, from an offset.
    async fn look(
        &self,
        lease: &Lease,
        (topic, partition): &Place,
        behind: Option<i64>,
    ) -> Result<Look, Fault> {
        let parameters: Parameters<'_> = &[&&*self.group, topic, partition, &behind, &self.seconds, &ROWS];
        let rows = lease.query(statement!("retention_look.sql"), parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(Look { has_old: false, from: 0, below: 0, is_full: false });
        };
        let examined: i64 = row.try_get("examined")?;
        let is_cut_short: bool = row.try_get("is_cut_short")?;
        Ok(Look {
            has_old: row.try_get("has_old")?,
            from: row.try_get("from_offset")?,
            below: row.try_get("below_offset")?,
            is_full: examined >= ROWS && !is_cut_short,
        })
    }

    /// Deletes what may go of what was looked at, and says how far the partition's rows are gone.
    async fn delete(&self, lease: &Lease, (topic, partition): &Place, look: &Look) -> Result<(), Fault> {
        if look.has_old && look.from < look.below {
            let parameters: Parameters<'_> =
                &[&&*self.group, topic, partition, &look.from, &look.below, &self.seconds];
            lease.query(statement!("retention_delete.sql"), parameters).await?;
        }
        Ok(())
    }
}
