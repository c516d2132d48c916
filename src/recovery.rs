//! What a part that works for itself does about the world's faults: says so once, waits, and begins again.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::fault::{Cause, Fault};
use crate::metrics::Metrics;

/// The faults that one part meets in a row.
pub(crate) struct Recovery {
    metrics: Arc<Metrics>,
    /// What the log says when they begin, and when they are over.
    begin: &'static str,
    end: &'static str,
    backoff: Option<Backoff>,
    stale: bool,
}

impl Recovery {
    /// None so far; what the log is to say when they begin, and when they are over.
    pub(crate) fn new(metrics: Arc<Metrics>, begin: &'static str, end: &'static str) -> Self {
        Self { metrics, begin, end, backoff: None, stale: false }
    }

    /// How long to wait before the part begins again.
    ///
    /// # Errors
    /// The cause, where no waiting mends it.
    pub(crate) fn next(&mut self, fault: Fault) -> Result<Duration, Cause> {
        let word = fault.word();
        let cause = match fault {
            Fault::Fatal(cause) | Fault::Record(cause) | Fault::Recorded(cause) => return Err(cause),
            // Twice in a row, the second time prepared anew: the schema does not fit this binary.
            Fault::StaleStatement(cause) if self.stale => return Err(cause),
            Fault::StaleStatement(cause) => {
                self.stale = true;
                cause
            }
            Fault::Transient(cause) | Fault::CommitUnknown(cause) => cause,
            Fault::Overtaken | Fault::GivesWay(_) => Cause::new(fault.to_string()),
        };
        self.metrics.retry(word);
        let backoff = self.backoff.get_or_insert_with(|| {
            tracing::error!(error = %cause, "{}", self.begin);
            Backoff::new(Duration::from_millis(200), Duration::from_secs(5))
        });
        Ok(backoff.next())
    }

    /// Whether the last try met one.
    pub(crate) fn are_met(&self) -> bool {
        self.backoff.is_some()
    }

    /// It works.
    pub(crate) fn over(&mut self) {
        self.stale = false;
        if self.backoff.take().is_some() {
            tracing::info!("{}", self.end);
        }
    }
}
