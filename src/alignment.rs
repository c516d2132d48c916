//! Keeps lanes in step while they work off a backlog: a record is not applied long before the records that bring
//! subjects into being and are older than it.
//!
//! Topics know no order among each other. Read from their beginnings side by side, the shorter one would be
//! through its history while the longer one has hardly begun, and each cancellation would be set aside for the
//! want of its booking. As Kafka Streams chooses among its inputs, so do lanes here: by the records' timestamps.
//! It is a courtesy and no promise: what is fresh is never held up, nor is anybody for long by a lane that does
//! not move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use crate::monitor::{LaneStatus, Monitor};
use crate::record::Partition;

/// A record younger than this is never held up: there is no backlog.
const FRESH: Duration = Duration::from_secs(1);

/// A lane that has applied all that its partition had, when the brokers were last asked, may get something within this
/// time; afterwards it is not waited for.
const IDLE: Duration = Duration::from_millis(350);

/// A lane that stays at one batch for longer than this, or has nothing to apply though its partition may have more, is
/// not waited for.
const STALLED: Duration = Duration::from_secs(2);

/// How long a batch is waited for to become whole, once it could begin.
const WHOLE: Duration = Duration::from_millis(500);

/// How often a waiting lane looks at lanes that do not move.
const LOOK: Duration = Duration::from_millis(50);

/// A lane that has nothing to apply.
const NOTHING: i64 = i64::MAX;

/// How far the lanes are whose records bring subjects into being.
pub struct Alignment {
    monitor: Arc<Monitor>,
    begun: Instant,
    clocks: Mutex<Vec<Weak<Clock>>>,
    changed: Notify,
}

/// How far one lane is.
struct Clock {
    partition: Partition,
    status: Arc<LaneStatus>,
    /// The timestamp of the first record that is not applied, or [`NOTHING`].
    next: AtomicI64,
    /// The timestamp of the last one that is.
    last: AtomicI64,
    /// When either has changed, in milliseconds since the alignment began.
    changed: AtomicI64,
}

/// Tells the others how far a lane is, for as long as it lives.
pub(crate) struct Pace {
    alignment: Arc<Alignment>,
    clock: Arc<Clock>,
}

impl Alignment {
    /// No lane yet; the monitor knows how far their partitions go.
    pub(crate) fn new(monitor: Arc<Monitor>) -> Self {
        Self { monitor, begun: Instant::now(), clocks: Mutex::default(), changed: Notify::new() }
    }

    /// A lane begins whose records others wait for.
    pub(crate) fn join(self: &Arc<Self>, partition: Partition, status: Arc<LaneStatus>) -> Pace {
        let clock = Clock {
            partition,
            status,
            next: AtomicI64::new(NOTHING),
            last: AtomicI64::new(i64::MIN),
            changed: AtomicI64::new(self.now()),
        };
        let clock = Arc::new(clock);
        let mut clocks = self.clocks();
        clocks.retain(|clock| clock.strong_count() > 0);
        clocks.push(Arc::downgrade(&clock));
        Pace { alignment: self.clone(), clock }
    }

    /// Waits until records from `first` to `last` (milliseconds since 1970) may be applied, and returns the
    /// timestamp below which they may; `since` is when the waiting lane began.
    pub(crate) async fn wait(&self, first: i64, last: i64, since: Instant) -> i64 {
        let mut could_begin: Option<Instant> = None;
        loop {
            let changed = self.changed.notified();
            if is_fresh(first) {
                return NOTHING;
            }
            let bound = self.earliest(since);
            if last < bound {
                return NOTHING;
            }
            if first < bound && could_begin.get_or_insert_with(Instant::now).elapsed() > WHOLE {
                return bound;
            }
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    /// The timestamp up to which no lane has anything left to apply, as far as it is waited for.
    fn earliest(&self, since: Instant) -> i64 {
        // The other lanes may just be beginning too.
        if since.elapsed() < IDLE && self.clocks().is_empty() {
            return i64::MIN;
        }
        let (now, ends) = (self.now(), self.monitor.observations.ends.get().unwrap_or_default());
        let bound = |clock: Arc<Clock>| clock.bound(now, ends.get(&clock.partition).copied());
        self.clocks().iter().filter_map(Weak::upgrade).map(bound).min().unwrap_or(NOTHING)
    }

    fn now(&self) -> i64 {
        milliseconds(self.begun.elapsed())
    }

    fn clocks(&self) -> MutexGuard<'_, Vec<Weak<Clock>>> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    /// `end` is how far the partition goes, where that is known.
    fn bound(&self, now: i64, end: Option<i64>) -> i64 {
        let still = now - self.changed.load(Ordering::Acquire);
        let is_done = self.status.position().zip(end).is_some_and(|(position, end)| position >= end);
        let patience = if is_done { IDLE } else { STALLED };
        match self.next.load(Ordering::Acquire) {
            NOTHING if still < milliseconds(patience) => self.last.load(Ordering::Acquire),
            next if next != NOTHING && still < milliseconds(STALLED) => next,
            _ => NOTHING,
        }
    }
}

impl Pace {
    /// The lane has applied all before a record with this timestamp; none where nothing more has arrived.
    pub(crate) fn at(&self, next: Option<i64>, last: Option<i64>) {
        if let Some(last) = last {
            self.clock.last.store(last, Ordering::Release);
        }
        self.clock.next.store(next.unwrap_or(NOTHING), Ordering::Release);
        self.clock.changed.store(self.alignment.now(), Ordering::Release);
        self.alignment.changed.notify_waiters();
    }
}

fn is_fresh(timestamp: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    timestamp > milliseconds(now.saturating_sub(FRESH))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Limits, Queue};

    /// A timestamp of long ago.
    const OLD: i64 = 1_700_000_000_000;

    fn alignment() -> Arc<Alignment> {
        Arc::new(Alignment::new(Arc::default()))
    }

    fn partition() -> Partition {
        Partition { topic: "t".into(), number: 0 }
    }

    fn status() -> Arc<LaneStatus> {
        let limits = Limits { records: 1, bytes: 1 };
        Arc::new(LaneStatus::new(Arc::new(Queue::new(limits, Arc::default()))))
    }

    fn join(alignment: &Arc<Alignment>) -> Pace {
        alignment.join(partition(), status())
    }

    async fn waits(alignment: &Alignment, first: i64, last: i64) -> Option<i64> {
        let long_ago = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
        tokio::time::timeout(Duration::from_millis(100), alignment.wait(first, last, long_ago)).await.ok()
    }

    #[tokio::test]
    async fn records_wait_for_older_ones_that_others_wait_for() {
        let alignment = alignment();
        let (one, other) = (join(&alignment), join(&alignment));
        one.at(Some(OLD + 10), None);
        other.at(Some(OLD + 5), None);
        assert_eq!(waits(&alignment, OLD, OLD + 4).await, Some(NOTHING));
        assert_eq!(waits(&alignment, OLD, OLD + 5).await, None);
        other.at(Some(OLD + 7), Some(OLD + 6));
        assert_eq!(waits(&alignment, OLD, OLD + 5).await, Some(NOTHING));
        drop(other);
        assert_eq!(waits(&alignment, OLD, OLD + 9).await, Some(NOTHING));
    }

    #[tokio::test]
    async fn a_batch_that_stays_in_part_too_young_is_cut() {
        let alignment = alignment();
        let pace = join(&alignment);
        pace.at(Some(OLD + 5), None);
        let begun = Instant::now();
        assert_eq!(alignment.wait(OLD, OLD + 9, begun).await, OLD + 5);
        assert!(begun.elapsed() > WHOLE);
    }

    #[tokio::test]
    async fn fresh_records_wait_for_nobody() {
        let alignment = alignment();
        let pace = join(&alignment);
        pace.at(Some(OLD), None);
        let now = milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        assert_eq!(waits(&alignment, now, now).await, Some(NOTHING));
        assert_eq!(waits(&alignment, i64::MAX, i64::MAX).await, Some(NOTHING));
    }

    #[tokio::test]
    async fn a_lane_that_does_not_move_holds_up_nobody_for_long() {
        let alignment = alignment();
        let (stalled, idle) = (join(&alignment), join(&alignment));
        stalled.at(Some(OLD), None);
        idle.at(None, Some(OLD));
        let begun = Instant::now();
        assert_eq!(alignment.wait(OLD + 1, OLD + 1, begun).await, NOTHING);
        assert!((STALLED..STALLED * 2).contains(&begun.elapsed()));
    }

    #[tokio::test]
    async fn a_lane_with_nothing_to_apply_is_waited_for_longer_where_its_partition_has_more() {
        let alignment = alignment();
        let status = status();
        let idle = alignment.join(partition(), status.clone());
        alignment.monitor.observations.ends.set([(partition(), 5)].into());
        for (position, expected) in [(5, IDLE..STALLED), (4, STALLED..STALLED * 2)] {
            status.set_position(position);
            idle.at(None, Some(OLD));
            let begun = Instant::now();
            assert_eq!(alignment.wait(OLD + 1, OLD + 1, begun).await, NOTHING);
            assert!(expected.contains(&begun.elapsed()), "{position}: {:?}", begun.elapsed());
        }
    }
}
