//! What one lane counts. It looks its series up when it first needs them, and touches them once a batch: a record
//! costs some comparisons.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use prometheus::local::LocalHistogram;
use prometheus::{Histogram, IntCounter};

use super::Metrics;
use crate::outcome::Decision;

/// From how many values on it pays to gather them first.
const MANY: usize = 8;

/// The counts of one lane.
pub(crate) struct Tally {
    metrics: Arc<Metrics>,
    topic: Arc<str>,
    batches: Histogram,
    delays: Histogram,
    /// The outcomes that this lane has met.
    met: Vec<Met>,
}

struct Met {
    outcome: &'static str,
    reason: &'static str,
    total: IntCounter,
    durations: Histogram,
    /// Of the batch that is being counted.
    records: u32,
}

impl Tally {
    /// Of a lane of this topic.
    pub(crate) fn new(metrics: Arc<Metrics>, topic: Arc<str>) -> Self {
        let batches = metrics.batches.with_label_values(&[&*topic]);
        let delays = metrics.delays.with_label_values(&[&*topic]);
        Self { metrics, topic, batches, delays, met: Vec::new() }
    }

    /// Records that were taken off the lane together have their outcomes, and these were committed just now.
    pub(crate) fn applied(
        &mut self,
        taken: Instant,
        timestamps: impl ExactSizeIterator<Item = Option<i64>>,
        decisions: &[Decision],
    ) {
        #[expect(clippy::cast_precision_loss, reason = "some thousands at most")]
        self.batches.observe(decisions.len() as f64);
        let now = now();
        observe(
            &self.delays,
            timestamps.len(),
            timestamps.flatten().map(|timestamp| seconds_since(timestamp, now)),
        );
        for decision in decisions {
            self.met(decision).records += 1;
        }
        let seconds = taken.elapsed().as_secs_f64();
        for met in &mut self.met {
            let records = std::mem::take(&mut met.records) as usize;
            if records > 0 {
                met.total.inc_by(records as u64);
                observe(&met.durations, records, std::iter::repeat_n(seconds, records));
            }
        }
    }

    fn met(&mut self, decision: &Decision) -> &mut Met {
        let (outcome, reason) = (decision.outcome.name(), decision.outcome.reason().unwrap_or_default());
        let known = self.met.iter().position(|met| met.outcome == outcome && met.reason == reason);
        let index = known.unwrap_or_else(|| {
            self.met.push(Met {
                outcome,
                reason,
                total: self.metrics.events.with_label_values(&[&*self.topic, outcome, reason]),
                durations: self.metrics.processing.with_label_values(&[&*self.topic, outcome]),
                records: 0,
            });
            self.met.len() - 1
        });
        &mut self.met[index]
    }
}

/// Observes about so many values.
fn observe(histogram: &Histogram, about: usize, values: impl Iterator<Item = f64>) {
    if about < MANY {
        values.for_each(|value| histogram.observe(value));
        return;
    }
    // Without its atomics, a tenth of the cost.
    let gathered: LocalHistogram = histogram.local();
    values.for_each(|value| gathered.observe(value));
    gathered.flush();
}

/// From a timestamp (both in milliseconds since 1970) to now. One from the future, by a clock that is ahead, is of now.
fn seconds_since(timestamp: i64, now: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a few centuries fit")]
    let milliseconds = now.saturating_sub(timestamp).max(0) as f64;
    milliseconds / 1000.0
}

/// In milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
