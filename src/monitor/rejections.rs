//! The records that were refused last, for whoever looks at the status page.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::outcome::{Outcome, Told};
use crate::record::Partition;

/// How many are kept.
const KEPT: usize = 20;

/// The longest text that is kept of each, in characters.
const LENGTH: usize = 300;

/// A record that was rejected, or is dead.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// When that was committed.
    pub at: SystemTime,
    /// Where the record stands.
    pub partition: Partition,
    /// Its offset there.
    pub offset: i64,
    /// What it is about, such as the booking's id. Anybody's text.
    pub subject: String,
    /// `rejected` or `dead`.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Its baggage, as far as that may be logged. Anybody's text.
    pub baggage: String,
}

/// The last of them.
#[derive(Default)]
pub struct Rejections {
    kept: Mutex<VecDeque<Rejection>>,
}

impl Rejections {
    /// Keeps those of a batch.
    pub(super) fn keep<'a>(&self, records: impl DoubleEndedIterator<Item = Told<'a>>) {
        let mut latest: Vec<Rejection> =
            records.rev().filter_map(|told| Rejection::of(&told)).take(KEPT).collect();
        if latest.is_empty() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(rejection) = latest.pop() {
            if kept.len() >= KEPT {
                kept.pop_front();
            }
            kept.push_back(rejection);
        }
    }

    /// The last ones, the latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Rejection> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl Rejection {
    fn of(told: &Told<'_>) -> Option<Self> {
        let (context, outcome) = (told.context, told.outcome?);
        let (Outcome::Rejected(_) | Outcome::Dead(_)) = outcome else { return None };
        Some(Self {
            at: SystemTime::now(),
            partition: context.partition.clone(),
            offset: context.offset,
            subject: told.subject.chars().take(LENGTH).collect(),
            outcome: outcome.name(),
            reason: outcome.reason().unwrap_or_default(),
            baggage: context
                .baggage
                .for_log(context.log_keys)
                .text()
                .to_string()
                .chars()
                .take(LENGTH)
                .collect(),
        })
    }
}
