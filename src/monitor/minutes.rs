//! What became of records in each of the last minutes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many minutes are kept, the current one included.
const KEPT: usize = 15;

/// One minute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Minute {
    /// Its number, in minutes since 1970.
    pub number: u64,
    /// How many records had each outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
}

/// The last minutes.
#[derive(Default)]
pub struct Minutes {
    kept: Mutex<VecDeque<Minute>>,
}

impl Minutes {
    /// Counts outcomes of this moment.
    pub(super) fn count(&self, outcomes: impl Iterator<Item = &'static str>) {
        self.count_at(number(SystemTime::now()), outcomes);
    }

    fn count_at(&self, number: u64, outcomes: impl Iterator<Item = &'static str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.back().is_none_or(|last| last.number != number) {
            while kept.len() >= KEPT {
                kept.pop_front();
            }
            kept.push_back(Minute { number, ..Minute::default() });
        }
        let Some(minute) = kept.back_mut() else { return };
        for outcome in outcomes {
            *minute.outcomes.entry(outcome).or_default() += 1;
        }
    }

    /// The last minutes in which anything happened, the latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Minute> {
        let earliest = number(SystemTime::now()).saturating_sub(KEPT as u64);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().filter(|minute| minute.number > earliest).cloned().collect()
    }
}

fn number(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_minutes_are_kept() {
        let minutes = Minutes::default();
        let now = number(SystemTime::now());
        for ago in (0..100).rev() {
            minutes.count_at(now - ago, ["accepted", "held", "accepted"].into_iter());
        }
        let latest = minutes.latest();
        assert!((KEPT - 1..=KEPT).contains(&latest.len()));
        assert_eq!(latest[0].number, now);
        assert_eq!(latest[0].outcomes, BTreeMap::from([("accepted", 2), ("held", 1)]));
    }
}
