//! What the worker counts, in Prometheus's text format.
//!
//! `families` is the table of all metrics. Those that count are counted by the parts as they work (`tally` for lanes,
//! `statements` for the database). Those that mirror a state are read from the monitor, the pool and the runtime when
//! somebody asks (`mirrors`): what is unknown, or gone, has no series.

mod families;
mod mirrors;
mod statements;
mod tally;

use std::sync::Arc;

use deadpool_postgres::Pool;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder as _, HistogramVec, IntCounterVec, Registry, TextEncoder};
use tokio::runtime::Handle;

use crate::fault::{self, Cause};
use crate::monitor::Monitor;
use crate::outcome::Outcome;

pub(crate) use statements::measured;
pub(crate) use tally::Tally;

/// All metrics, each with its labels, as families: a histogram's `_bucket`, `_sum` and `_count` series share one.
pub fn families() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let none: &[&str] = &[];
    families::ALL
        .iter()
        .map(|family| (family.name, family.labels))
        .chain(families::PROCESS.map(|name| (name, none)))
}

/// How a rebalance reached this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rebalance {
    Assigned,
    Revoked,
    Lost,
}

impl Rebalance {
    const ALL: [Self; 3] = [Self::Assigned, Self::Revoked, Self::Lost];

    fn name(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
        }
    }
}

/// All metrics of the process, and what the worker's parts count with.
pub struct Metrics {
    registry: Registry,
    events: IntCounterVec,
    processing: HistogramVec,
    delays: HistogramVec,
    batches: HistogramVec,
    published: IntCounterVec,
    retries: IntCounterVec,
    rebalances: IntCounterVec,
}

impl Metrics {
    /// The media type of what [`render`](Self::render) writes.
    pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

    /// Makes all that the parts count with. From here on, the statements of the whole process are counted too.
    ///
    /// # Errors
    /// Two metrics have one name: a mistake of the program.
    pub fn new() -> Result<Self, Cause> {
        Self::counting().map_err(|error| mistake(&error))
    }

    fn counting() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            events: kept(&registry, families::EVENTS_PROCESSED.counter()?)?,
            processing: kept(&registry, families::EVENT_PROCESSING.histogram(families::SECONDS)?)?,
            delays: kept(&registry, families::EVENT_DELAY.histogram(families::SECONDS_TO_DAYS)?)?,
            batches: kept(&registry, families::BATCH_RECORDS.histogram(families::RECORDS)?)?,
            published: kept(&registry, families::RELAY_PUBLISHED.counter()?)?,
            retries: kept(&registry, families::RETRIES.counter()?)?,
            rebalances: kept(&registry, families::REBALANCES.counter()?)?,
            registry,
        };
        statements::count(&metrics.registry)?;
        // A series that begins at its first event hides that event from `increase()`.
        for word in fault::WORDS {
            metrics.retries.with_label_values(&[word]);
        }
        for event in Rebalance::ALL {
            metrics.rebalances.with_label_values(&[event.name()]);
        }
        Ok(metrics)
    }

    /// Shows, beside what is counted, what the worker knows of itself, its connections, whether it is ready, and the
    /// process.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn mirror(
        &self,
        monitor: &Arc<Monitor>,
        pool: &Pool,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<(), Cause> {
        let mirrors = [
            mirrors::build(),
            mirrors::readiness(is_ready),
            mirrors::lanes(monitor),
            mirrors::observations(monitor),
            mirrors::pool(pool),
        ];
        for mirror in mirrors {
            self.register(mirror.map_err(|error| mistake(&error))?)?;
        }
        self.register(ProcessCollector::for_self())
    }

    /// Shows what a runtime is doing.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn mirror_runtime(&self, runtime: Handle) -> Result<(), Cause> {
        self.register(mirrors::runtime(runtime).map_err(|error| mistake(&error))?)
    }

    /// The metrics as they are now.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }

    /// A record that had been set aside has a new outcome, and that is committed.
    pub(crate) fn outcome_changed(&self, topic: &str, outcome: &Outcome) {
        self.events.with_label_values(&[topic, outcome.name(), outcome.reason().unwrap_or_default()]).inc();
    }

    /// Kafka has acknowledged messages of this topic.
    pub(crate) fn published(&self, topic: &str, messages: u64) {
        self.published.with_label_values(&[topic]).inc_by(messages);
    }

    /// A part waits because of a fault of this kind, and then tries again.
    pub(crate) fn retry(&self, fault: &'static str) {
        self.retries.with_label_values(&[fault]).inc();
    }

    /// The group has changed what this worker has.
    pub(crate) fn rebalanced(&self, event: Rebalance) {
        self.rebalances.with_label_values(&[event.name()]).inc();
    }

    fn register(&self, collector: impl Collector + 'static) -> Result<(), Cause> {
        self.registry.register(Box::new(collector)).map_err(|error| mistake(&error))
    }
}

/// Registers a metric and gives it back.
fn kept<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn mistake(error: &prometheus::Error) -> Cause {
    Cause::new(format!("the metrics: {error}"))
}
