//! Waiting between two tries: exponential with jitter, for as long as it takes.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The waits between the tries of one thing that may fail for any length of time.
pub(crate) struct Backoff {
    waits: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// Begins with the shortest wait and doubles up to the longest, both before jitter.
    pub(crate) fn new(shortest: Duration, longest: Duration) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(shortest)
            .with_max_delay(longest)
            .with_jitter()
            .without_max_times()
            .build();
        Self { waits, longest }
    }

    /// The next wait. There always is one.
    pub(crate) fn next(&mut self) -> Duration {
        self.waits.next().unwrap_or(self.longest)
    }
}
