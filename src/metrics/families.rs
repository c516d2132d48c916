//! All metrics, as a table: name, labels, help. Whoever adds one adds a line here, and a test that makes it move.
//!
//! Labels have few values, all of them the worker's own words, topics or partitions: never an id, never baggage.

use prometheus::core::Describer as _;
use prometheus::core::{Desc, Opts};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Result};

/// Bounds of histograms: how long records and statements take.
pub(super) const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How old records are once they are applied: a backlog may be of days.
pub(super) const SECONDS_TO_DAYS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
    3600.0, 14_400.0, 86_400.0,
];

/// How many records go together.
pub(super) const RECORDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];

/// A metric with all its series.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

impl Family {
    pub(super) fn opts(&self) -> Opts {
        let labels = self.labels.iter().map(|label| (*label).to_owned()).collect();
        Opts::new(self.name, self.help).variable_labels(labels)
    }

    pub(super) fn describe(&self) -> Result<Desc> {
        self.opts().describe()
    }

    pub(super) fn counter(&self) -> Result<IntCounterVec> {
        IntCounterVec::new(Opts::new(self.name, self.help), self.labels)
    }

    pub(super) fn histogram(&self, bounds: &[f64]) -> Result<HistogramVec> {
        HistogramVec::new(HistogramOpts::new(self.name, self.help).buckets(bounds.to_vec()), self.labels)
    }
}

macro_rules! families {
    ($($family:ident = $name:literal $labels:tt $help:literal)*) => {
        $(pub(super) const $family: Family = Family { name: $name, labels: &$labels, help: $help };)*

        /// All of them, but for the process's own.
        pub(super) const ALL: &[Family] = &[$($family),*];
    };
}

families! {
    EVENTS_PROCESSED = "worker_events_processed_total" ["topic", "outcome", "reason"]
        "Outcomes that were committed: of a record's first one, and of each later change by the worker itself."
    EVENT_PROCESSING = "worker_event_processing_duration_seconds" ["topic", "outcome"]
        "From a record taken off its lane to its first outcome committed, pauses included."
    EVENT_DELAY = "worker_event_delay_seconds" ["topic"]
        "From a record's timestamp to its first outcome committed; records without a timestamp are left out."
    BATCH_RECORDS = "worker_batch_records" ["topic"]
        "Records that one transaction of a lane applied."
    READY = "worker_ready" []
        "1 while nothing speaks against the worker's readiness, else 0; /health/ready has the reasons."
    DB_OPERATIONS = "worker_db_operations_total" ["operation", "result"]
        "Statements sent to PostgreSQL, and connections asked of the pool, by success and failure."
    DB_OPERATION_DURATION = "worker_db_operation_duration_seconds" ["operation"]
        "How long a statement, or the wait for a connection, took until its answer or its failure."
    DB_POOL = "worker_db_pool_connections" ["state"]
        "Connections of the pool that are in use or idle, and how many more are waited for."
    LAG = "worker_consumer_lag_records" ["topic", "partition"]
        "From the position in the database to the partition's end by the brokers; absent while either is unknown."
    DELAY = "worker_consumer_delay_seconds" ["topic", "partition"]
        "Age of the oldest record that has arrived and is not applied; 0 without lag, absent while unknown."
    LANE_STATE = "worker_lane_state" ["topic", "partition", "state"]
        "1 for what the lane of an assigned partition is doing, 0 for what it is not."
    HELD = "worker_held_records" ["status", "reason"]
        "Records of the consumer group that are set aside in the database, seen from each of its workers."
    RELAY_BACKLOG = "worker_relay_backlog_records" []
        "Outcomes of the consumer group that are not published yet, seen from each of its workers; counted to 100000."
    RELAY_PUBLISHED = "worker_relay_published_total" ["topic"]
        "Status events and dead letters that Kafka has acknowledged."
    RETRIES = "worker_retries_total" ["fault"]
        "How often a lane, the sweeper, the relay or an overlay's first start has waited because the world was at fault."
    REBALANCES = "worker_rebalances_total" ["event"]
        "Rebalances of the consumer group as this worker met them; its share may have stayed the same."
    RUNTIME_WORKERS = "worker_runtime_workers" []
        "Threads of the Tokio runtime that run tasks."
    RUNTIME_TASKS = "worker_runtime_alive_tasks" []
        "Tasks of the Tokio runtime that have not ended."
    RUNTIME_QUEUE = "worker_runtime_global_queue_depth" []
        "Tasks that wait in the Tokio runtime's global queue."
    RUNTIME_BUSY = "worker_runtime_busy_seconds_total" []
        "Time that the Tokio runtime's threads have spent with tasks, all threads together."
    BUILD_INFO = "worker_build_info" ["version"]
        "The worker's version; the value is always 1."
}

/// What `prometheus`'s own collector tells of the process.
pub(super) const PROCESS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];
