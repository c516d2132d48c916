//! Facts that only the database or the brokers know: seen at intervals, unknown once they are old.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::record::Partition;

/// A fact that is unknown before it was first seen, and again some time after it was last seen.
pub struct Seen<T> {
    fresh_for: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Seen<T> {
    /// A fact that counts for this long.
    #[must_use]
    pub fn fresh_for(fresh_for: Duration) -> Self {
        Self { fresh_for, last: Mutex::new(None) }
    }

    /// It was seen just now.
    pub fn set(&self, value: T) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), value));
    }

    /// It is no longer known.
    pub fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What was seen last, where that is still fresh.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| at.elapsed() <= self.fresh_for).map(|(_, value)| value.clone())
    }
}

/// How many records of the group are set aside for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCount {
    /// `waiting` or `dead`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub records: i64,
}

/// Why PostgreSQL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// It does not answer.
    Unreachable(String),
    /// It answers, and takes no writes.
    ReadOnly,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(message) => formatter.write_str(message),
            Self::ReadOnly => formatter.write_str("PostgreSQL answers, but takes no writes"),
        }
    }
}

/// What the database and the brokers said last.
pub struct Observations {
    /// Since when PostgreSQL has answered and taken writes; else why it cannot be used.
    pub database: Seen<Result<Instant, Unavailable>>,
    /// The topics that the brokers do not have; else why the brokers do not answer.
    pub brokers: Seen<Result<Vec<Arc<str>>, String>>,
    /// Whether the group has taken this worker, and given it its share of the partitions, be it none.
    pub joined: Seen<bool>,
    /// The group's records that are set aside, by status and reason.
    pub held: Seen<Vec<HeldCount>>,
    /// How many of the group's outcomes are not yet published.
    pub relay_backlog: Seen<i64>,
    /// The end of each assigned partition, as the brokers have it: the offset after its last record.
    pub ends: Seen<BTreeMap<Partition, i64>>,
}

impl Default for Observations {
    fn default() -> Self {
        Self {
            database: Seen::fresh_for(Duration::from_secs(10)),
            brokers: Seen::fresh_for(Duration::from_secs(20)),
            joined: Seen::fresh_for(Duration::from_secs(20)),
            held: Seen::fresh_for(Duration::from_mins(2)),
            relay_backlog: Seen::fresh_for(Duration::from_mins(2)),
            ends: Seen::fresh_for(Duration::from_secs(30)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_unknown_before_it_was_seen_and_once_it_is_old() {
        let fact = Seen::fresh_for(Duration::from_mins(1));
        assert_eq!(fact.get(), None);
        fact.set(1);
        assert_eq!(fact.get(), Some(1));
        fact.forget();
        assert_eq!(fact.get(), None);
        let old = Seen::fresh_for(Duration::ZERO);
        old.set(1);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(old.get(), None);
    }
}
