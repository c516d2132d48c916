//! How long a record that is set aside waits.

use std::time::Duration;

/// How long records wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The shortest wait between two tries.
    pub shortest: Duration,
    /// The longest wait between two tries.
    pub longest: Duration,
    /// How long a record waits in all before it is dead.
    pub limit: Duration,
}

impl Patience {
    /// The wait before the first try of a record that was set aside.
    #[must_use]
    pub fn first_wait(&self) -> Duration {
        self.wait(0)
    }

    /// The wait after so many tries: anything from the shortest up to a bound that doubles with each try
    /// (exponential backoff, full jitter).
    pub(super) fn wait(&self, tries: i32) -> Duration {
        let doubled = self.shortest.saturating_mul(1 << tries.clamp(0, 30).saturating_add(1).min(30));
        let bound = doubled.min(self.longest).max(self.shortest);
        self.shortest + bound.saturating_sub(self.shortest).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_shortest_to_the_longest() {
        let seconds = Duration::from_secs;
        let patience = Patience { shortest: seconds(1), longest: seconds(60), limit: seconds(3600) };
        for (tries, most) in [(0, 2), (1, 4), (4, 32), (5, 60), (30, 60), (i32::MAX, 60), (-1, 2)] {
            for _ in 0..100 {
                let wait = patience.wait(tries);
                assert!((seconds(1)..=seconds(most)).contains(&wait), "{tries} tries: {wait:?}");
            }
        }
    }
}
