//! What publishing costs: the worker with its relay beside the worker without, and how fast the relay is alone.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio_postgres::Client;

use crate::scene::{Scene, Stage};
use crate::{load, measure, worker};

const BOOKINGS: usize = 60_000;
const PARTITIONS: i32 = 6;
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_mins(2);
const STATUS: &str = "KAFKA_STATUS_TOPIC";

/// Throughput with and without the relay, and the events it publishes a second once the records are applied.
pub async fn run(scene: &Scene) -> Result<()> {
    let (bookings, none, status) = ("relay-bookings", "relay-none", "relay-status");
    scene.kafka.admin().create_topic(none, 1, &[]).await?;
    scene.kafka.admin().create_topic(status, PARTITIONS, &[]).await?;
    scene.topic(bookings, PARTITIONS, (0..BOOKINGS).map(load::booking)).await?;
    let records = i64::try_from(BOOKINGS)?;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let without = worker::run(scene, &scene.stage(bookings, none).await?, &[], records, LIMIT).await?;
        let stage = scene.stage(bookings, none).await?;
        let with = worker::run(scene, &stage, &[(STATUS, status)], records, LIMIT).await?;
        let rate = backlog(scene, &scene.stage(bookings, none).await?, status).await?;
        println!(
            "  without the relay {:>6.0}/s, with {:>6.0}/s; a backlog of events {rate:>6.0}/s",
            without.records_per_second, with.records_per_second
        );
        ratios.push(with.records_per_second / without.records_per_second);
        rates.push(rate);
    }
    println!("with relay / without        {:>8.2}   (target 0.85)", measure::median(&ratios));
    println!("relay, nothing beside it    {:>8.0} events/s", measure::median(&rates));
    Ok(())
}

/// Events a second of a relay that finds them all waiting.
async fn backlog(scene: &Scene, stage: &Stage, status: &str) -> Result<f64> {
    // Whoever holds the group's lock is the relay.
    let group = stage.environment.iter().find(|(name, _)| name == "KAFKA_GROUP_ID");
    let group = group.map_or("", |(_, value)| value);
    let lock = "SELECT pg_advisory_lock(hashtextextended('worker.relay ' || $1::text, 0))";
    stage.database.execute(lock, &[&group]).await?;
    let mut process = worker::start(scene, stage, &[(STATUS, status)])?;
    measure::wait_for(&stage.database, i64::try_from(BOOKINGS)?, LIMIT).await?;
    stage.database.execute("SELECT pg_advisory_unlock_all()", &[]).await?;
    let begun = wait_for_cursor(&stage.database, 0).await?;
    let ended = wait_for_cursor(&stage.database, i64::try_from(BOOKINGS)? - 1).await?;
    worker::stop(&mut process).await?;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    Ok(BOOKINGS as f64 / (ended - begun).as_secs_f64())
}

/// Waits until more than this many rows are published, and tells when.
async fn wait_for_cursor(database: &Client, published: i64) -> Result<Instant> {
    let deadline = Instant::now() + LIMIT;
    let sql = "SELECT count(*) FROM worker.ledger, worker.relay WHERE sequence <= published_sequence";
    while database.query_one(sql, &[]).await?.get::<_, i64>(0) <= published {
        if Instant::now() > deadline {
            bail!("the relay does not get beyond {published} rows");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Instant::now())
}
