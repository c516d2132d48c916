//! The limit past which dead records stop a lane: a bad deploy must not empty a topic into the dead letters.

use std::collections::VecDeque;

use crate::config::DeadLimitSettings;

/// Counts the dead among a partition's last records.
pub(super) struct DeadLimit {
    settings: DeadLimitSettings,
    /// Whether each of the last records is dead, the oldest first.
    recent: VecDeque<bool>,
    /// How many of them are.
    dead: usize,
    /// How many at the end are dead in a row.
    run: usize,
}

/// Which limit a further dead record would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// `DEAD_LIMIT_RUN`
    Run,
    /// `DEAD_LIMIT_RATIO`
    Ratio,
}

impl DeadLimit {
    /// Counts from these records on, the oldest first.
    pub(super) fn new(settings: DeadLimitSettings, recent: impl IntoIterator<Item = bool>) -> Self {
        let mut limit = Self { settings, recent: VecDeque::new(), dead: 0, run: 0 };
        for dead in recent {
            limit.count(dead);
        }
        limit
    }

    /// Counts a record.
    pub(super) fn count(&mut self, dead: bool) {
        if self.recent.len() >= self.settings.window {
            self.dead -= usize::from(self.recent.pop_front() == Some(true));
        }
        self.recent.push_back(dead);
        self.dead += usize::from(dead);
        self.run = if dead { self.run + 1 } else { 0 };
    }

    /// The limit that one more dead record would pass.
    pub(super) fn passed(&self) -> Option<Passed> {
        let leaves = self.recent.len() >= self.settings.window && self.recent.front() == Some(&true);
        let dead = self.dead + 1 - usize::from(leaves);
        if self.run >= self.settings.run {
            Some(Passed::Run)
        } else if as_share(dead) > self.settings.ratio * as_share(self.settings.window) {
            Some(Passed::Ratio)
        } else {
            None
        }
    }

    /// How many of these records may be applied: all up to the first dead one that would pass a limit.
    pub(super) fn admitted(&self, records: impl Iterator<Item = bool>) -> usize {
        let mut ahead: Option<Self> = None;
        let mut admitted = 0;
        for dead in records {
            // The common case, no dead record in the batch, costs nothing.
            if dead && ahead.is_none() {
                let mut copy = Self::new(self.settings, self.recent.iter().copied());
                (0..admitted).for_each(|_| copy.count(false));
                ahead = Some(copy);
            }
            if let Some(ahead) = &mut ahead {
                if dead && ahead.passed().is_some() {
                    return admitted;
                }
                ahead.count(dead);
            }
            admitted += 1;
        }
        admitted
    }

    /// A person has looked: counting begins anew.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.settings, []);
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most some hundred thousand")]
fn as_share(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: DeadLimitSettings = DeadLimitSettings { run: 3, ratio: 0.5, window: 10 };

    fn limit(records: &str) -> DeadLimit {
        DeadLimit::new(SETTINGS, records.chars().map(|letter| letter == 'x'))
    }

    fn admitted(before: &str, records: &str) -> usize {
        limit(before).admitted(records.chars().map(|letter| letter == 'x'))
    }

    #[test]
    fn as_many_in_a_row_as_the_limit_says_are_admitted_and_no_more() {
        assert_eq!(admitted("", "xxx"), 3);
        assert_eq!(admitted("", "xxxx"), 3);
        assert_eq!(admitted("xx", "xx."), 1);
        assert_eq!(admitted("xxx", ".xx"), 3);
        assert_eq!(limit("xxx").passed(), Some(Passed::Run));
        assert_eq!(limit("xxx.").passed(), None);
    }

    #[test]
    fn the_share_is_that_of_the_last_records_of_a_whole_window() {
        // Five of ten are admitted, a sixth is not.
        assert_eq!(admitted("", "xx.xx.x.x.x"), 8);
        assert_eq!(limit("xx.xx.x").passed(), Some(Passed::Ratio));
        // What leaves the window makes room.
        assert_eq!(limit("xx.xx.x...").passed(), None);
    }

    #[test]
    fn records_that_are_not_dead_pass_whatever_was_before() {
        assert_eq!(admitted("xxx", "........"), 8);
    }

    #[test]
    fn a_person_who_has_looked_lets_the_counting_begin_anew() {
        let mut limit = limit("xxx");
        limit.forget();
        assert_eq!(limit.passed(), None);
        assert_eq!(limit.admitted("xxx".chars().map(|_| true)), 3);
    }
}
