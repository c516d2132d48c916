//! What all parts share: the database, and what the settings say of how records are applied.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::alignment::Alignment;
use crate::baggage::LogKeys;
use crate::config::{DeadLimitSettings, Settings};
use crate::divert::Divert;
use crate::metrics::Metrics;
use crate::monitor::Monitor;
use crate::store::Pool;
use crate::store::held::{PassedOver, Patience};
use crate::traces::Traces;

/// What all parts share.
pub struct Shared {
    /// The database. Its size bounds the transactions that are open at once.
    pub pool: Pool,
    /// The consumer group, part of every key in the worker's tables.
    pub group: Arc<str>,
    /// Which records are this worker's to apply.
    pub divert: Divert,
    /// The baggage keys that may be logged.
    pub log_keys: LogKeys,
    /// The most records that one transaction applies.
    pub batch_max_records: usize,
    /// How long records that are set aside wait.
    pub patience: Patience,
    /// When a partition has too many dead records to go on without a person.
    pub dead_limit: DeadLimitSettings,
    /// Keeps the lanes in step while they work off a backlog.
    pub alignment: Arc<Alignment>,
    /// Wakes the sweeper: something that waited is due.
    pub woken: Notify,
    /// What was being tried when it should have been woken.
    pub passed_over: PassedOver,
    /// What the worker knows of itself.
    pub monitor: Arc<Monitor>,
    /// Where spans go; none where traces are off.
    pub traces: Option<Arc<Traces>>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
}

impl Shared {
    /// Puts together what the settings say.
    #[must_use]
    pub fn new(settings: &Settings, pool: Pool, monitor: Arc<Monitor>, metrics: Arc<Metrics>) -> Self {
        Self {
            pool,
            group: settings.kafka.group_id.as_str().into(),
            divert: Divert::new(settings.divert.environment.clone()),
            log_keys: LogKeys::from(settings.log.baggage_keys.clone()),
            batch_max_records: settings.batch_max_records,
            patience: Patience {
                shortest: settings.held.backoff_min,
                longest: settings.held.backoff_max,
                limit: settings.held.max_age,
            },
            dead_limit: settings.dead_limit,
            alignment: Arc::new(Alignment::new(monitor.clone())),
            woken: Notify::new(),
            passed_over: PassedOver::default(),
            monitor,
            traces: None,
            metrics,
        }
    }
}
