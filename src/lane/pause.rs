//! A lane's pause while the world is at fault: jittered backoff, one line when it begins and one when it ends.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::fault::Cause;
use crate::record::Partition;

/// The first and the longest wait between two tries, before jitter.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// How often a lasting fault is said again.
const REMINDER: Duration = Duration::from_secs(30);

/// The state of the current pause; at rest where the last try succeeded.
#[derive(Default)]
pub(super) struct Pause {
    running: Option<Running>,
    stale: bool,
}

struct Running {
    backoff: Backoff,
    since: Instant,
    said: Instant,
    tries: u32,
}

impl Pause {
    /// How long to wait before the next try; says why, the first time and then with restraint.
    pub(super) fn next(
        &mut self,
        partition: &Partition,
        offset: i64,
        records: usize,
        cause: &Cause,
    ) -> Duration {
        let first = self.running.is_none();
        let running = self.running.get_or_insert_with(Running::begin);
        running.tries += 1;
        if first || running.said.elapsed() >= REMINDER {
            running.said = Instant::now();
            tracing::error!(
                topic = &*partition.topic, partition = partition.number, offset, records,
                tries = running.tries, error = %cause,
                "lane paused; it retries until this passes, and nothing is lost"
            );
        }
        running.backoff.next()
    }

    /// The last try succeeded.
    pub(super) fn over(&mut self, partition: &Partition, offset: i64) {
        self.stale = false;
        if let Some(running) = self.running.take() {
            tracing::info!(
                topic = &*partition.topic,
                partition = partition.number,
                offset,
                tries = running.tries,
                pausedSeconds = running.since.elapsed().as_secs_f64(),
                "lane resumed"
            );
        }
    }

    /// Whether a statement went stale since the last success.
    pub(super) fn stale_before(&self) -> bool {
        self.stale
    }

    /// A statement went stale.
    pub(super) fn remember_stale(&mut self) {
        self.stale = true;
    }
}

impl Running {
    fn begin() -> Self {
        Self {
            backoff: Backoff::new(SHORTEST, LONGEST),
            since: Instant::now(),
            said: Instant::now(),
            tries: 0,
        }
    }
}
