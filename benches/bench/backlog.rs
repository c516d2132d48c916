//! Resident memory: idle, and before a backlog that is far larger than memory should ever follow.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::time::Duration;

use anyhow::Result;

use crate::scene::Scene;
use crate::{load, measure, worker};

/// Records waiting, over 6 + 6 partitions.
const WAITING: usize = 2_400_000;
const PARTITIONS: i32 = 6;

/// How long the worker reads them.
const READING: Duration = Duration::from_secs(20);

/// Peak resident memory under full lag, and resident memory at rest.
pub async fn run(scene: &Scene) -> Result<()> {
    let (bookings, cancellations) = ("idle-bookings", "idle-cancellations");
    for topic in [bookings, cancellations] {
        scene.kafka.admin().create_topic(topic, PARTITIONS, &[]).await?;
    }
    let stage = scene.stage(bookings, cancellations).await?;
    let mut process = worker::start(scene, &stage, &[])?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    println!(
        "idle, resident              {:>8.1} MiB (target 25)",
        measure::memory_mib(process.id(), "VmRSS")
    );
    worker::stop(&mut process).await?;

    let (bookings, cancellations) = ("backlog-bookings", "backlog-cancellations");
    scene.topic(bookings, PARTITIONS, (0..WAITING / 2).map(load::booking)).await?;
    scene.topic(cancellations, PARTITIONS, (0..WAITING / 2).map(load::cancellation)).await?;
    let stage = scene.stage(bookings, cancellations).await?;
    let mut process = worker::start(scene, &stage, &[])?;
    let applied = measure::wait_for(&stage.database, i64::MAX, READING).await?;
    println!(
        "full lag, peak resident     {:>8.1} MiB (target 48; {WAITING} waiting, {applied} applied in {} s)",
        measure::memory_mib(process.id(), "VmHWM"),
        READING.as_secs()
    );
    worker::stop(&mut process).await
}
