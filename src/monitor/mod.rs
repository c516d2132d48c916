//! What the worker knows of itself: written by its parts as they work, read by metrics, health and the status page.
//!
//! Nothing here waits, for anybody: a reader sees what was last written, and costs the parts nothing.

mod lanes;
mod minutes;
mod rejections;
mod seen;

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::outcome::Told;

pub use lanes::{LaneState, LaneStatus, Lanes, Trouble, lag};
pub use minutes::{Minute, Minutes};
pub use rejections::{Rejection, Rejections};
pub use seen::{HeldCount, Observations, Seen, Unavailable};

/// What the worker as a whole is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits for PostgreSQL, or brings its schema up to date.
    Starting,
    /// It has what it needs.
    Running,
    /// It was asked to stop.
    Stopping,
}

/// What the worker knows of itself.
pub struct Monitor {
    /// When the worker began.
    pub begun: Instant,
    /// The same, by the calendar.
    pub begun_at: SystemTime,
    /// The partitions that are assigned to this worker.
    pub lanes: Lanes,
    /// What became of records lately.
    pub minutes: Minutes,
    /// The records that were refused last.
    pub rejections: Rejections,
    /// What the database and the brokers said last.
    pub observations: Observations,
    phase: AtomicU8,
    polled: AtomicI64,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            begun_at: SystemTime::now(),
            lanes: Lanes::default(),
            minutes: Minutes::default(),
            rejections: Rejections::default(),
            observations: Observations::default(),
            phase: AtomicU8::new(Phase::Starting as u8),
            polled: AtomicI64::new(-1),
        }
    }
}

impl Monitor {
    /// What the worker is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Running,
            _ => Phase::Stopping,
        }
    }

    /// The worker goes over to another phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The polling thread is alive.
    pub fn polls(&self) {
        self.polled.store(milliseconds(self.begun.elapsed()), Ordering::Release);
    }

    /// The polling thread no longer polls, as it should.
    pub fn polls_no_more(&self) {
        self.polled.store(-1, Ordering::Release);
    }

    /// How long ago the polling thread was last alive; none where it is not meant to poll.
    #[must_use]
    pub fn silent_polling(&self) -> Option<Duration> {
        let polled = u64::try_from(self.polled.load(Ordering::Acquire)).ok()?;
        Some(self.begun.elapsed().saturating_sub(Duration::from_millis(polled)))
    }

    /// The group has given this worker its share of the partitions, be it none.
    #[must_use]
    pub fn is_assigned(&self) -> bool {
        self.observations.joined.get() == Some(true) || !self.lanes.is_empty()
    }

    /// Records have their outcomes, and these are committed.
    pub(crate) fn applied<'a>(&self, records: impl DoubleEndedIterator<Item = Told<'a>> + Clone) {
        self.minutes.count(records.clone().filter_map(|told| Some(told.outcome?.name())));
        self.rejections.keep(records);
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
