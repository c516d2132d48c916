//! `worker verify` over a ledger of a million rows.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use stack::{Ending, Output, Process};

use crate::measure;
use crate::scene::{Scene, Stage};

/// Rows of the ledger, over 6 + 6 partitions.
const ROWS: i64 = 1_000_000;
const ROUNDS: usize = 3;

/// Six in ten records create a booking, three cancel half of these, and one is set aside. `$1` is the group, `$2`
/// how many records there are in all.
const RECORDS: [&str; 5] = [
    "DELETE FROM public.bookings",
    "INSERT INTO public.bookings
         (booking_id, user_id, room_id, number_of_guests, start_date, end_date, status)
     SELECT 'booking_' || n, 1 + n % 1000, 1 + n % 500, 2, '2027-01-15', '2027-01-18',
            CASE WHEN n % 2 = 0 THEN 'Cancelled' ELSE 'Accepted' END
     FROM generate_series(0, $2 * 6 / 10 - 1) AS n",
    "INSERT INTO worker.ledger
         (group_id, topic, partition, record_offset, subject, outcome, reason, baggage, trace_id)
     SELECT $1, CASE WHEN n % 12 < 6 THEN 'verify-bookings' ELSE 'verify-cancellations' END, n % 6, n / 12,
            'booking_' || CASE WHEN n < $2 * 6 / 10 THEN n WHEN n < $2 * 9 / 10 THEN (n - $2 * 6 / 10) * 2
                               ELSE n END,
            CASE WHEN n < $2 * 6 / 10 THEN 'accepted' WHEN n < $2 * 9 / 10 THEN 'cancelled' ELSE 'held' END,
            CASE WHEN n >= $2 * 9 / 10 THEN 'unknown_user' END,
            'tenant=acme,note=caf%C3%A9', decode(md5(n::text), 'hex')
     FROM generate_series(0, $2 - 1) AS n",
    "INSERT INTO worker.held
         (group_id, topic, partition, record_offset, payload, subject, reason, status, next_attempt_at, holds_back)
     SELECT group_id, topic, partition, record_offset, convert_to(repeat('x', 300), 'UTF8'), subject, reason,
            'waiting', now(), true
     FROM worker.ledger WHERE outcome = 'held' AND group_id = $1 AND $2 > 0",
    "INSERT INTO worker.positions (group_id, topic, partition, next_offset, first_offset)
     SELECT group_id, topic, partition, max(record_offset) + 1, 0
     FROM worker.ledger WHERE group_id = $1 AND $2 > 0 GROUP BY group_id, topic, partition",
];

/// Rows a second, and the most memory.
pub async fn run(scene: &Scene) -> Result<()> {
    let stage = scene.stage("verify-bookings", "verify-cancellations").await?;
    fill(&stage).await?;
    let (mut rates, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (seconds, peak) = verify(scene, &stage).await?;
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        rates.push(ROWS as f64 / seconds);
        peaks.push(peak);
    }
    println!("verify, {ROWS} ledger rows  {:>8.0} rows/s", measure::median(&rates));
    println!("verify, peak resident       {:>8.1} MiB", measure::quantile(&mut peaks, 1.0));
    Ok(())
}

async fn fill(stage: &Stage) -> Result<()> {
    let group = stage.environment.iter().find(|(name, _)| name == "KAFKA_GROUP_ID");
    let group = group.map(|(_, value)| value.as_str()).context("a stage without a group")?;
    for statement in RECORDS {
        let statement = statement.replace("$1", &format!("'{group}'")).replace("$2", &ROWS.to_string());
        stage.database.batch_execute(&statement).await?;
    }
    for table in ["worker.ledger", "worker.held", "worker.positions", "public.bookings"] {
        stage.database.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
    }
    Ok(())
}

/// Runs the command to its end; returns its seconds and its peak memory in MiB.
async fn verify(scene: &Scene, stage: &Stage) -> Result<(f64, f64)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.arg("verify").envs(stage.environment.iter().map(|(name, value)| (name, value)));
    let started = Instant::now();
    let mut process = Process::start(&scene.scratch, "verify", Ending::Kill, Output::Log, &command)?;
    let mut peak = f64::NAN;
    loop {
        // What it held is gone once it has ended.
        peak = peak.max(measure::memory_mib(process.id(), "VmHWM"));
        match process.exited()? {
            Some(status) if status.success() => break,
            Some(_) => bail!(process.failure("the promise was meant to hold")),
            None => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    std::fs::remove_file(process.log())?;
    Ok((seconds, peak))
}
