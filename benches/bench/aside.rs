//! Records that are set aside: a storm of poison, many that wait, and many that are redriven.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio_postgres::Client;

use crate::load::Sample;
use crate::scene::{Scene, Stage};
use crate::{load, measure, worker};

const BOOKINGS: usize = 60_000;
const PARTITIONS: i32 = 6;
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_mins(2);

/// Of ten records of the storm, so many are no events.
const POISONED: usize = 3;

const WAITING: i64 = 100_000;
const DEAD: usize = 10_000;

/// Runs the three.
pub async fn run(scene: &Scene) -> Result<()> {
    scene.kafka.admin().create_topic("aside-none", PARTITIONS, &[]).await?;
    storm(scene).await?;
    waiting(scene).await?;
    redrive(scene).await
}

async fn storm(scene: &Scene) -> Result<()> {
    let (clean, poisoned) = ("aside-clean", "aside-poisoned");
    scene.topic(clean, PARTITIONS, (0..BOOKINGS).map(load::booking)).await?;
    let samples = (0..BOOKINGS).map(|number| {
        let booking = load::booking(number);
        // Spread over the partitions, which are filled in turn.
        if number / 6 % 10 < POISONED { Sample { payload: "{".to_owned(), ..booking } } else { booking }
    });
    scene.topic(poisoned, PARTITIONS, samples).await?;
    let records = i64::try_from(BOOKINGS)?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let stage = scene.stage(clean, "aside-none").await?;
        let without = worker::run(scene, &stage, &[], records, LIMIT).await?;
        let stage = scene.stage(poisoned, "aside-none").await?;
        let with = worker::run(scene, &stage, &[], records, LIMIT).await?;
        println!(
            "  clean {:>6.0}/s, with 30 % poison {:>6.0}/s",
            without.records_per_second, with.records_per_second
        );
        ratios.push(with.records_per_second / without.records_per_second);
    }
    println!("poison storm / clean        {:>8.2}   (target 0.50)", measure::median(&ratios));
    Ok(())
}

/// Live records beside many that wait and are all due: throughput and memory.
async fn waiting(scene: &Scene) -> Result<()> {
    let stage = scene.stage("aside-clean", "aside-none").await?;
    let sql = "INSERT INTO worker.held (group_id, topic, partition, record_offset, payload, subject, reason, \
               status, next_attempt_at, holds_back) \
               SELECT $1, 'aside-none', 0, n, convert_to('{\"bookingId\":\"b' || n || '\",\"userId\":\"nobody\",\
               \"timestamp\":\"2027-01-01T10:30:00Z\"}', 'UTF8'), 'b' || n, 'unknown_booking', 'waiting', now(), \
               false FROM generate_series(1, $2::bigint) AS n";
    stage.database.execute(sql, &[&setting(&stage, "KAFKA_GROUP_ID"), &WAITING]).await?;
    let mut process =
        worker::start(scene, &stage, &[("HELD_BACKOFF_MIN", "1h"), ("HELD_BACKOFF_MAX", "1h")])?;
    let begun = Instant::now();
    measure::wait_for(&stage.database, i64::try_from(BOOKINGS)?, LIMIT).await?;
    let tried = "SELECT count(*) FROM worker.held WHERE attempts > 0";
    wait_for(&stage.database, tried, WAITING).await?;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let rate = WAITING as f64 / begun.elapsed().as_secs_f64();
    println!("{WAITING} waiting, all due      {rate:>8.0} records/s tried, beside {BOOKINGS} live ones");
    println!("  peak resident             {:>8.1} MiB", measure::memory_mib(process.id(), "VmHWM"));
    worker::stop(&mut process).await
}

/// A person redrives many dead records at once.
async fn redrive(scene: &Scene) -> Result<()> {
    let bookings = "aside-strangers";
    let samples = (0..DEAD).map(|number| {
        let booking = load::booking(number);
        let payload = booking.payload.replace("\"roomId\":\"room_", "\"roomId\":\"new_room_");
        Sample { payload, ..booking }
    });
    scene.topic(bookings, PARTITIONS, samples).await?;
    let stage = scene.stage(bookings, "aside-none").await?;
    let impatient = [("HELD_MAX_AGE", "1s"), ("HELD_BACKOFF_MIN", "1s"), ("HELD_BACKOFF_MAX", "1s")];
    let mut process = worker::start(scene, &stage, &impatient)?;
    let dead = "SELECT count(*) FROM worker.held WHERE status = 'dead'";
    wait_for(&stage.database, dead, i64::try_from(DEAD)?).await?;
    worker::stop(&mut process).await?;
    stage.database.execute("UPDATE rooms SET internal_id = 'new_' || internal_id", &[]).await?;
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["held", "redrive", "--all"]);
    command.envs(stage.environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let seconds = begun.elapsed().as_secs_f64();
    let accepted = "SELECT count(*) FROM worker.ledger WHERE outcome = 'accepted'";
    let accepted: i64 = stage.database.query_one(accepted, &[]).await?.get(0);
    if !output.status.success() || accepted != i64::try_from(DEAD)? {
        bail!("{accepted} of {DEAD} accepted: {}", String::from_utf8_lossy(&output.stderr));
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let rate = DEAD as f64 / seconds;
    println!("redrive of {DEAD} dead      {rate:>8.0} records/s ({seconds:.1} s)");
    Ok(())
}

async fn wait_for(database: &Client, count: &str, expected: i64) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while database.query_one(count, &[]).await?.get::<_, i64>(0) < expected {
        if Instant::now() > deadline {
            bail!("waited in vain for {expected}: {count}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn setting<'s>(stage: &'s Stage, name: &str) -> &'s str {
    stage.environment.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
}
