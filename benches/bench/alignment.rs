//! A backlog on both topics, read from its beginning: how many cancellations overtake their bookings.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::load::{self, Sample};
use crate::scene::Scene;
use crate::{measure, worker};

const BOOKINGS: usize = 200_000;

/// Of ten bookings, so many are cancelled.
const CANCELLED: usize = 3;

const PARTITIONS: i32 = 6;
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_mins(2);

/// The time between two bookings, in milliseconds. The last is made now: retention would take what is old.
const BETWEEN: i64 = 40;

/// How long after its booking a cancellation comes, in milliseconds: somebody thinks again.
const AFTER: i64 = 5_000;

/// The share of cancellations set aside, and the throughput beside that of the bookings alone.
pub async fn run(scene: &Scene) -> Result<()> {
    let (bookings, cancellations, none) =
        ("backlog-of-bookings", "backlog-of-cancellations", "backlog-of-none");
    scene.kafka.admin().create_topic(none, PARTITIONS, &[]).await?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let made = move |number: usize| now - BETWEEN * i64::try_from(BOOKINGS - number).unwrap_or_default();
    let booked = move |number| Sample { timestamp: Some(made(number)), ..load::booking(number) };
    scene.topic(bookings, PARTITIONS, (0..BOOKINGS).map(booked)).await?;
    let cancelled = (0..BOOKINGS).filter(|number| number % 10 < CANCELLED);
    let cancelled = cancelled.map(move |number| Sample {
        timestamp: Some(made(number) + AFTER),
        ..load::cancellation_of_new(number)
    });
    scene.topic(cancellations, PARTITIONS, cancelled).await?;
    let all = i64::try_from(BOOKINGS + BOOKINGS / 10 * CANCELLED)?;
    let (mut shares, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let stage = scene.stage(bookings, none).await?;
        let alone = worker::run(scene, &stage, &[], i64::try_from(BOOKINGS)?, LIMIT).await?;
        let stage = scene.stage(bookings, cancellations).await?;
        let both = worker::run(scene, &stage, &[], all, LIMIT).await?;
        let share = measure::share_held(&stage.database, cancellations).await?;
        println!(
            "  bookings alone {:>6.0}/s, with cancellations {:>6.0}/s, {:.2} % of these held",
            alone.records_per_second,
            both.records_per_second,
            share * 100.0
        );
        shares.push(share * 100.0);
        ratios.push(both.records_per_second / alone.records_per_second);
    }
    println!("cancellations held          {:>8.2} % (target 2)", measure::median(&shares));
    println!("beside bookings alone       {:>8.2}   (target 0.80)", measure::median(&ratios));
    Ok(())
}
