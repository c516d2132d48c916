//! Metrics that mirror a state: read when somebody asks, kept nowhere.
//!
//! So a partition that has left has no series, and what is not known has none either: never 0, never what it once was.

use std::sync::Arc;

use deadpool_postgres::Pool;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use tokio::runtime::Handle;

use super::families::{self, Family};
use crate::monitor::{LaneState, Monitor, lag};

/// Reads some families from a state.
pub(super) struct Mirror {
    descriptions: Vec<Desc>,
    read: Box<dyn Fn() -> Vec<MetricFamily> + Send + Sync>,
}

impl Mirror {
    fn new(
        families: &[&Family],
        read: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static,
    ) -> prometheus::Result<Self> {
        let descriptions = families.iter().map(|family| family.describe()).collect::<Result<_, _>>()?;
        Ok(Self { descriptions, read: Box::new(read) })
    }
}

impl Collector for Mirror {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.read)()
    }
}

/// The lanes of the assigned partitions.
pub(super) fn lanes(monitor: &Arc<Monitor>) -> prometheus::Result<Mirror> {
    let monitor = monitor.clone();
    Mirror::new(&[&families::LANE_STATE, &families::LAG, &families::DELAY], move || {
        let ends = monitor.observations.ends.get().unwrap_or_default();
        let (mut states, mut lags, mut delays) = (Vec::new(), Vec::new(), Vec::new());
        for (partition, lane) in monitor.lanes.all() {
            let (topic, number) = (&*partition.topic, &*partition.number.to_string());
            let current = lane.state();
            for state in LaneState::ALL {
                let is_it = if state == current { 1.0 } else { 0.0 };
                states.push((labels(&families::LANE_STATE, &[topic, number, state.name()]), is_it));
            }
            // What has arrived first: a record that arrives in between is then missing from neither.
            let oldest = lane.oldest_age();
            let lag = lag(lane.position(), ends.get(&partition).copied());
            if let Some(lag) = lag {
                lags.push((labels(&families::LAG, &[topic, number]), as_number(lag)));
            }
            let delay = match (oldest, lag) {
                (Some(oldest), _) => Some(oldest.as_secs_f64()),
                (None, Some(0)) => Some(0.0),
                (None, _) => None,
            };
            if let Some(delay) = delay {
                delays.push((labels(&families::DELAY, &[topic, number]), delay));
            }
        }
        vec![
            gauge(&families::LANE_STATE, states),
            gauge(&families::LAG, lags),
            gauge(&families::DELAY, delays),
        ]
    })
}

/// What the database said last.
pub(super) fn observations(monitor: &Arc<Monitor>) -> prometheus::Result<Mirror> {
    let monitor = monitor.clone();
    Mirror::new(&[&families::HELD, &families::RELAY_BACKLOG], move || {
        let held = monitor.observations.held.get().unwrap_or_default();
        let held = held.iter().map(|count| {
            (labels(&families::HELD, &[&count.status, &count.reason]), as_number(count.records))
        });
        let backlog =
            monitor.observations.relay_backlog.get().map(|records| (Vec::new(), as_number(records)));
        vec![gauge(&families::HELD, held), gauge(&families::RELAY_BACKLOG, backlog)]
    })
}

/// Whether the worker is ready.
pub(super) fn readiness(is_ready: impl Fn() -> bool + Send + Sync + 'static) -> prometheus::Result<Mirror> {
    Mirror::new(&[&families::READY], move || {
        let ready = if is_ready() { 1.0 } else { 0.0 };
        vec![gauge(&families::READY, [(Vec::new(), ready)])]
    })
}

/// The pool's connections.
pub(super) fn pool(pool: &Pool) -> prometheus::Result<Mirror> {
    let pool = pool.clone();
    Mirror::new(&[&families::DB_POOL], move || {
        let now = pool.status();
        let idle = now.available.min(now.size);
        let series = [("in_use", now.size - idle), ("idle", idle), ("waiting", now.waiting)]
            .map(|(state, connections)| (labels(&families::DB_POOL, &[state]), count(connections)));
        vec![gauge(&families::DB_POOL, series)]
    })
}

/// Tokio's runtime.
pub(super) fn runtime(runtime: Handle) -> prometheus::Result<Mirror> {
    let all = [
        &families::RUNTIME_WORKERS,
        &families::RUNTIME_TASKS,
        &families::RUNTIME_QUEUE,
        &families::RUNTIME_BUSY,
    ];
    Mirror::new(&all, move || {
        let metrics = runtime.metrics();
        let workers = metrics.num_workers();
        let busy: f64 =
            (0..workers).map(|worker| metrics.worker_total_busy_duration(worker).as_secs_f64()).sum();
        vec![
            gauge(&families::RUNTIME_WORKERS, [(Vec::new(), count(workers))]),
            gauge(&families::RUNTIME_TASKS, [(Vec::new(), count(metrics.num_alive_tasks()))]),
            gauge(&families::RUNTIME_QUEUE, [(Vec::new(), count(metrics.global_queue_depth()))]),
            counter(&families::RUNTIME_BUSY, busy),
        ]
    })
}

/// The worker's version.
pub(super) fn build() -> prometheus::Result<Mirror> {
    Mirror::new(&[&families::BUILD_INFO], || {
        let version = labels(&families::BUILD_INFO, &[env!("CARGO_PKG_VERSION")]);
        vec![gauge(&families::BUILD_INFO, [(version, 1.0)])]
    })
}

type Labels = Vec<LabelPair>;

fn labels(family: &Family, values: &[&str]) -> Labels {
    family
        .labels
        .iter()
        .zip(values)
        .map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name((*name).to_owned());
            label.set_value((*value).to_owned());
            label
        })
        .collect()
}

fn gauge(family: &Family, series: impl IntoIterator<Item = (Labels, f64)>) -> MetricFamily {
    let metrics = series.into_iter().map(|(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(labels);
        metric.set_gauge(gauge);
        metric
    });
    with(family, MetricType::GAUGE, metrics.collect())
}

fn counter(family: &Family, value: f64) -> MetricFamily {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    with(family, MetricType::COUNTER, vec![metric])
}

fn with(family: &Family, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut answer = MetricFamily::default();
    answer.set_name(family.name.to_owned());
    answer.set_help(family.help.to_owned());
    answer.set_field_type(kind);
    answer.set_metric(metrics);
    answer
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn as_number(value: i64) -> f64 {
    value as f64
}

fn count(value: usize) -> f64 {
    as_number(i64::try_from(value).unwrap_or(i64::MAX))
}
