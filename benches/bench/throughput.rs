//! Throughput: the worker beside its bound and beside a plain consumer; by partitions and by batch size.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::time::Duration;

use anyhow::Result;

use crate::load::{self, Sample};
use crate::plain::Draft;
use crate::scene::{STORED, Scene};
use crate::{bound, measure, plain, worker};

/// Bookings that wait in the topic.
const BOOKINGS: usize = 60_000;

/// Partitions of each of the two topics.
const PARTITIONS: i32 = 6;

/// Pairs of runs; the table shows medians.
const ROUNDS: usize = 5;

const LIMIT: Duration = Duration::from_mins(2);
const PLAIN: Duration = Duration::from_secs(5);

/// The records of both topics, as they came about side by side.
pub fn samples() -> [Vec<Sample>; 2] {
    [booked().collect(), cancelled().collect()]
}

fn booked() -> impl Iterator<Item = Sample> {
    (0..BOOKINGS).map(|number| Sample { timestamp: Some(made(number, BOOKINGS)), ..load::booking(number) })
}

fn cancelled() -> impl Iterator<Item = Sample> {
    (0..STORED).map(|number| Sample { timestamp: Some(made(number, STORED)), ..load::cancellation(number) })
}

/// When the record with this number of so many was made: they share the same ten minutes, some time ago.
fn made(number: usize, of: usize) -> i64 {
    const BEGAN: i64 = 1_736_953_200_000;
    const TOOK: usize = 600_000;
    BEGAN + i64::try_from(TOOK / of * number).unwrap_or_default()
}

/// The records of both topics together.
fn records() -> i64 {
    i64::try_from(BOOKINGS + STORED).unwrap_or(i64::MAX)
}

/// Worker, bound and plain consumer, side by side.
pub async fn run(scene: &Scene) -> Result<()> {
    let (bookings, cancellations) = ("throughput-bookings", "throughput-cancellations");
    scene.topic(bookings, PARTITIONS, booked()).await?;
    scene.topic(cancellations, PARTITIONS, cancelled()).await?;
    println!(
        "{BOOKINGS} bookings and {STORED} cancellations waiting in {PARTITIONS} + {PARTITIONS} partitions, a log \
         line a record; medians of {ROUNDS} rounds"
    );
    let (mut rates, mut bounds) = (Vec::new(), Vec::new());
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    let (mut ratios, mut costs, mut shares) = (Vec::new(), Vec::new(), [0.0; 3]);
    for round in 1..=ROUNDS {
        let stage = scene.stage(bookings, cancellations).await?;
        let run = worker::run(scene, &stage, &[], records(), LIMIT).await?;
        let stage = scene.stage(bookings, cancellations).await?;
        let bound = bound::run(&stage, PARTITIONS, records()).await?;
        println!(
            "  round {round}: worker {:>6.0}/s  bound {bound:>6.0}/s  ratio {:.2}  {:.1} us CPU a record",
            run.records_per_second,
            run.records_per_second / bound,
            run.cpu_microseconds
        );
        rates.push(run.records_per_second);
        ratios.push(run.records_per_second / bound);
        costs.push(run.cpu_microseconds);
        bounds.push(bound);
        for (share, seconds) in shares.iter_mut().zip(run.cpu) {
            *share += seconds;
        }
        if round % 2 == 1 {
            for (draft, rates) in [(Draft::First, &mut firsts), (Draft::Second, &mut seconds)] {
                let stage = scene.stage(bookings, cancellations).await?;
                rates.push(plain::run(&stage, draft, PLAIN).await?);
            }
        }
    }
    let rate = measure::median(&rates);
    let (first, second) = (measure::median(&firsts), measure::median(&seconds));
    println!("worker                      {rate:>8.0} records/s");
    println!("same statements from memory {:>8.0} records/s", measure::median(&bounds));
    println!("plain consumer, first draft {first:>8.0} records/s");
    println!("plain consumer, second      {second:>8.0} records/s");
    println!("worker / bound              {:>8.2}   (target 0.85)", measure::median(&ratios));
    println!("worker / first draft        {:>8.1}   (target 20)", rate / first);
    println!("worker / second             {:>8.1}", rate / second);
    println!("worker CPU                  {:>8.1} us a record (target 8)", measure::median(&costs));
    let all: f64 = shares.iter().sum();
    println!(
        "CPU time                    worker {:.0} %, PostgreSQL {:.0} %, Kafka {:.0} %",
        shares[0] * 100.0 / all,
        shares[1] * 100.0 / all,
        shares[2] * 100.0 / all
    );
    Ok(())
}

/// By number of partitions, and by the largest batch.
pub async fn scaling(scene: &Scene) -> Result<()> {
    let none = "scaling-none";
    scene.kafka.admin().create_topic(none, 1, &[]).await?;
    let bookings = i64::try_from(BOOKINGS)?;
    for partitions in [1, 2, 4, 6, 12] {
        let topic = format!("scaling-{partitions}");
        scene.topic(&topic, partitions, (0..BOOKINGS).map(load::booking)).await?;
        let stage = scene.stage(&topic, none).await?;
        let run = worker::run(scene, &stage, &[], bookings, LIMIT).await?;
        println!("{partitions:>2} partitions               {:>8.0} records/s", run.records_per_second);
    }
    for most in ["1", "10", "100", "1000"] {
        let stage = scene.stage("scaling-6", none).await?;
        let limit = Duration::from_secs(10);
        let run = worker::run(scene, &stage, &[("BATCH_MAX_RECORDS", most)], bookings, limit).await?;
        println!("BATCH_MAX_RECORDS {most:>4}      {:>8.0} records/s", run.records_per_second);
    }
    Ok(())
}
