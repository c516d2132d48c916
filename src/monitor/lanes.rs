//! The assigned partitions: what each one's lane is doing, and how far it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::queue::Queue;
use crate::record::Partition;

/// The mark of an offset or a timestamp that is not known.
const UNKNOWN: i64 = i64::MIN;

/// What a lane is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneState {
    /// Its start is being looked up.
    Starting,
    /// It has applied all that has arrived.
    Idle,
    /// It waits for a connection, or, in a backlog, for lanes with older records.
    Waiting,
    /// It applies a batch.
    Applying,
    /// The world is at fault; it tries again until that passes.
    Paused,
    /// One more dead record would pass a limit: it waits for a person.
    DeadLimit,
    /// Its position does not fit the topic: it waits for a person.
    Halted,
}

impl LaneState {
    /// All of them, in the order of a lane's life.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Idle,
        Self::Waiting,
        Self::Applying,
        Self::Paused,
        Self::DeadLimit,
        Self::Halted,
    ];

    /// Its name in metrics and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Applying => "applying",
            Self::Paused => "paused",
            Self::DeadLimit => "dead_limit",
            Self::Halted => "halted",
        }
    }
}

/// What went wrong last.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// When.
    pub at: SystemTime,
    /// In words for a person; it may hold text of PostgreSQL's, never a record's bytes.
    pub text: String,
}

/// One lane, as it last said itself.
pub struct LaneStatus {
    queue: Arc<Queue>,
    position: AtomicI64,
    /// The timestamp of the first record that was taken and is not applied (milliseconds since 1970).
    taken: AtomicI64,
    now: Mutex<Now>,
}

struct Now {
    state: LaneState,
    since: Instant,
    moved: Instant,
    trouble: Option<Trouble>,
}

impl LaneStatus {
    /// A lane that is about to begin, with this queue.
    #[must_use]
    pub fn new(queue: Arc<Queue>) -> Self {
        let now = Instant::now();
        let now = Now { state: LaneState::Starting, since: now, moved: now, trouble: None };
        Self {
            queue,
            position: AtomicI64::new(UNKNOWN),
            taken: AtomicI64::new(UNKNOWN),
            now: Mutex::new(now),
        }
    }

    /// The lane does this now. Whatever it is, it has moved.
    pub fn set(&self, state: LaneState) {
        let mut now = self.now();
        now.moved = Instant::now();
        if now.state != state {
            (now.state, now.since) = (state, now.moved);
        }
    }

    /// The world is at fault; the lane pauses.
    pub fn pause(&self, text: String) {
        self.set(LaneState::Paused);
        self.now().trouble = Some(Trouble { at: SystemTime::now(), text });
    }

    /// The lane stands at this offset: all before it is applied.
    pub fn set_position(&self, position: i64) {
        self.position.store(position, Ordering::Release);
    }

    /// Records were taken off the queue, the first with this timestamp; none where all that was taken is applied.
    pub fn set_taken(&self, first: Option<i64>) {
        self.taken.store(first.unwrap_or(UNKNOWN), Ordering::Release);
    }

    /// What the lane is doing.
    #[must_use]
    pub fn state(&self) -> LaneState {
        self.now().state
    }

    /// For how long it has been doing that.
    #[must_use]
    pub fn state_for(&self) -> Duration {
        self.now().since.elapsed()
    }

    /// How long ago it last did anything: began a batch, finished one, tried again.
    #[must_use]
    pub fn still_for(&self) -> Duration {
        self.now().moved.elapsed()
    }

    /// What went wrong last, though it may have passed since.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.now().trouble.clone()
    }

    /// The offset of the next record to apply, as PostgreSQL has it; none before the lane's start is found.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        known(&self.position)
    }

    /// The timestamp of the oldest record that has arrived and is not applied (milliseconds since 1970).
    #[must_use]
    pub fn oldest(&self) -> Option<i64> {
        known(&self.taken).or_else(|| self.queue.timestamps(1).and_then(|(first, _)| first))
    }

    /// How old that record is. A producer's clock may run ahead: then it is of now.
    #[must_use]
    pub fn oldest_age(&self) -> Option<Duration> {
        let since = Duration::from_millis(u64::try_from(self.oldest()?).unwrap_or_default());
        Some(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(since))
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many offsets lie between a position and a partition's end, where both are known. A position may be ahead of an
/// end that was asked for before it.
#[must_use]
pub fn lag(position: Option<i64>, end: Option<i64>) -> Option<i64> {
    position.zip(end).map(|(position, end)| (end - position).max(0))
}

fn known(value: &AtomicI64) -> Option<i64> {
    Some(value.load(Ordering::Acquire)).filter(|value| *value != UNKNOWN)
}

/// The lanes of the assigned partitions.
#[derive(Default)]
pub struct Lanes {
    lanes: Mutex<BTreeMap<Partition, Arc<LaneStatus>>>,
}

impl Lanes {
    /// A partition's lane begins, in place of an earlier one.
    pub fn join(&self, partition: Partition, status: Arc<LaneStatus>) {
        self.lock().insert(partition, status);
    }

    /// A partition is no longer this worker's.
    pub fn leave(&self, partition: &Partition) {
        self.lock().remove(partition);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All of them, ordered by topic and partition.
    #[must_use]
    pub fn all(&self) -> Vec<(Partition, Arc<LaneStatus>)> {
        self.lock().iter().map(|(partition, status)| (partition.clone(), status.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Partition, Arc<LaneStatus>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
