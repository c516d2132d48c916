//! The worker under measurement: the release binary, its log written to a file.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use stack::{Ending, Output, Process};

use crate::measure;
use crate::scene::{Scene, Stage};

/// What one run showed.
pub struct Run {
    pub records_per_second: f64,
    /// The worker's CPU time a record, its start included.
    pub cpu_microseconds: f64,
    /// The CPU seconds of worker, PostgreSQL and Kafka.
    pub cpu: [f64; 3],
}

/// Starts the worker on a stage.
pub fn start(scene: &Scene, stage: &Stage, extra: &[(&str, &str)]) -> Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.arg("run").envs(stage.environment.iter().map(|(name, value)| (name, value)));
    command.envs(extra.iter().copied());
    Process::start(&scene.scratch, "worker", Ending::Kill, Output::Log, &command)
}

/// Runs the worker over this many records, or for as long as the limit allows.
pub async fn run(
    scene: &Scene,
    stage: &Stage,
    extra: &[(&str, &str)],
    records: i64,
    limit: Duration,
) -> Result<Run> {
    let before = [measure::cpu_seconds_of_all("postgres"), measure::cpu_seconds_of_all("java")];
    let mut process = start(scene, stage, extra)?;
    let applied = measure::wait_for(&stage.database, records, limit).await?;
    let seconds = measure::seconds_since_first(&stage.database).await?;
    let cpu = measure::cpu_seconds(process.id());
    let others = [
        measure::cpu_seconds_of_all("postgres") - before[0],
        measure::cpu_seconds_of_all("java") - before[1],
    ];
    stop(&mut process).await?;
    #[expect(clippy::cast_precision_loss, reason = "some millions at most")]
    let applied = applied as f64;
    Ok(Run {
        records_per_second: applied / seconds,
        cpu_microseconds: cpu * 1e6 / applied,
        cpu: [cpu, others[0], others[1]],
    })
}

/// Asks the worker to stop and expects that it ends well.
pub async fn stop(process: &mut Process) -> Result<()> {
    process.signal(stack::Signal::TERM)?;
    match process.wait(Duration::from_secs(30)).await? {
        Some(status) if status.success() => {
            // The next run's log begins empty.
            std::fs::remove_file(process.log())?;
            Ok(())
        }
        _ => bail!(process.failure("the worker did not end well")),
    }
}
