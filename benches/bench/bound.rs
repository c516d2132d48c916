//! The bound: the worker's own lanes and statements fed from memory. No Kafka, no log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use worker::booking;
use worker::metrics::Metrics;
use worker::monitor::LaneStatus;
use worker::queue::{Limits, Queue};
use worker::record::{Header, Partition, Record};
use worker::shared::Shared;
use worker::store::{pool, positions};

use crate::load::Sample;
use crate::scene::{self, Stage};
use crate::{measure, throughput};

/// Applies the same records as the worker does and returns records a second.
pub async fn run(stage: &Stage, partitions: i32, records: i64) -> Result<f64> {
    let settings = scene::settings(&stage.environment)?;
    let metrics = Metrics::new().map_err(|cause| anyhow::anyhow!("{cause}"))?;
    let shared = Shared::new(&settings, pool::pool(&settings.database)?, Arc::default(), Arc::new(metrics));
    let shared = Arc::new(shared);
    let mut queues = Vec::new();
    let mut lanes = Vec::new();
    for (route, samples) in booking::routes(&settings).into_iter().zip(throughput::samples()) {
        for number in 0..partitions {
            let partition = Partition { topic: route.topic().clone(), number };
            let start = positions::create(&shared.pool, &shared.group, &partition, 0).await;
            let start = start.map_err(|fault| anyhow::anyhow!("{fault}"))?;
            let queue =
                Arc::new(Queue::new(Limits { records: usize::MAX, bytes: usize::MAX }, Arc::default()));
            let step = usize::try_from(partitions)?;
            let own = samples.iter().skip(usize::try_from(number)?).step_by(step);
            for (offset, sample) in (0..).zip(own) {
                if queue.push(record(offset, sample)).is_err() {
                    bail!("an unbounded queue was full");
                }
            }
            let status = Arc::new(LaneStatus::new(queue.clone()));
            lanes.push(route.run_lane(shared.clone(), partition, queue.clone(), start, status));
            queues.push(queue);
        }
    }
    let started = Instant::now();
    let running: Vec<_> = lanes.into_iter().map(tokio::spawn).collect();
    let applied = measure::wait_for(&stage.database, records, Duration::from_mins(5)).await?;
    let seconds = started.elapsed().as_secs_f64();
    for queue in queues {
        queue.close();
    }
    for lane in running {
        lane.await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "some millions at most")]
    Ok(applied as f64 / seconds)
}

fn record(offset: i64, sample: &Sample) -> Record {
    let headers = sample
        .headers
        .iter()
        .map(|(name, value)| -> Header<'_> { (name.as_bytes(), Some(value.as_bytes())) });
    let (key, payload) = (sample.key.as_bytes(), sample.payload.as_bytes());
    Record::new(offset, sample.timestamp, Some(key), Some(payload), headers)
}
