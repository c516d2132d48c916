//! One lane waits behind a lock: what that costs the others.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::Client;

use crate::load;
use crate::scene::{STORED, Scene, Stage};
use crate::{measure, worker};

const BOOKINGS: usize = 120_000;
const PARTITIONS: i32 = 6;
const ROUNDS: usize = 3;

/// The partition whose lane waits.
const SLOW: i32 = 0;

/// The other lanes' throughput beside a lane that waits behind a lock, and beside one with nothing to do.
pub async fn run(scene: &Scene) -> Result<()> {
    let (bookings, cancellations) = ("slow-bookings", "slow-cancellations");
    scene.topic(bookings, PARTITIONS, (0..BOOKINGS).map(load::booking)).await?;
    scene.topic(cancellations, PARTITIONS, (0..STORED).map(load::cancellation)).await?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let free = others(scene, &scene.stage(bookings, cancellations).await?, false).await?;
        let held = others(scene, &scene.stage(bookings, cancellations).await?, true).await?;
        println!(
            "  the other 11 lanes: {free:>6.0}/s beside an idle one, {held:>6.0}/s beside one behind a lock"
        );
        ratios.push(held / free);
    }
    println!("others beside a slow lane   {:>8.2}   (target 0.90)", measure::median(&ratios));
    Ok(())
}

/// Records a second of the lanes that are not slow.
async fn others(scene: &Scene, stage: &Stage, hold: bool) -> Result<f64> {
    let lock = format!(
        "SELECT FROM worker.positions WHERE topic = 'slow-bookings' AND partition = {SLOW} FOR UPDATE"
    );
    let group = stage.environment.iter().find(|(name, _)| name == "KAFKA_GROUP_ID");
    let group = group.map_or("", |(_, value)| value);
    let create =
        "INSERT INTO worker.positions (group_id, topic, partition, next_offset) VALUES ($1, $2, $3, $4)";
    // A lane that is not to wait begins at its end: either way the others have the machine to themselves.
    let start = if hold { 0 } else { i64::try_from(BOOKINGS)? / i64::from(PARTITIONS) };
    stage.database.execute(create, &[&group, &"slow-bookings", &SLOW, &start]).await?;
    let database = stage.environment.iter().find(|(name, _)| name == "DB_NAME");
    let holder = scene.postgres.connect(database.map_or("", |(_, value)| value)).await?;
    if hold {
        holder.batch_execute(&format!("BEGIN; {lock}")).await?;
    }
    let mut process = worker::start(scene, stage, &[])?;
    let total = BOOKINGS / 6 * 5 + STORED;
    let deadline = Instant::now() + Duration::from_mins(2);
    while applied_by_others(&stage.database).await? < i64::try_from(total)? && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = measure::seconds_since_first(&stage.database).await?;
    if hold {
        holder.batch_execute("ROLLBACK").await?;
    }
    worker::stop(&mut process).await?;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    Ok(total as f64 / seconds)
}

async fn applied_by_others(database: &Client) -> Result<i64> {
    let sql = "SELECT coalesce(sum(next_offset), 0)::bigint FROM worker.positions \
               WHERE NOT (topic = 'slow-bookings' AND partition = $1)";
    Ok(database.query_one(sql, &[&SLOW]).await?.get(0))
}
