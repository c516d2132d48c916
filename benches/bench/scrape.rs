//! What it costs to be watched: the worker with a scrape a second beside the worker that nobody asks.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::scene::Scene;
use crate::{load, measure, worker};

const BOOKINGS: usize = 120_000;
const PARTITIONS: i32 = 6;

/// Pairs of runs. The order changes from pair to pair: whatever grows on the way is shared.
const ROUNDS: usize = 11;

const LIMIT: Duration = Duration::from_mins(2);

/// How often Prometheus asks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Throughput with and without somebody who asks, and the size of the answer.
pub async fn run(scene: &Scene) -> Result<()> {
    let (bookings, none) = ("scrape-bookings", "scrape-none");
    scene.kafka.admin().create_topic(none, PARTITIONS, &[]).await?;
    scene.topic(bookings, PARTITIONS, (0..BOOKINGS).map(load::booking)).await?;
    let records = i64::try_from(BOOKINGS)?;
    let (mut ratios, mut answers) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut rates = [0.0; 2];
        for turn in 0..2 {
            let is_watched = (round + turn) % 2 == 1;
            let stage = scene.stage(bookings, none).await?;
            let address = SocketAddr::from(([127, 0, 0, 1], stack::port::free()?));
            let text = address.to_string();
            let (stop, stopped) = watch::channel(false);
            let watching = is_watched.then(|| tokio::spawn(watch_worker(address, stopped)));
            let run = worker::run(scene, &stage, &[("HTTP_ADDR", &text)], records, LIMIT).await?;
            stop.send_replace(true);
            if let Some(watching) = watching {
                answers.extend(watching.await??);
            }
            rates[usize::from(is_watched)] = run.records_per_second;
        }
        let [without, with] = rates;
        println!("  nobody asks {without:>6.0}/s, a scrape a second {with:>6.0}/s");
        ratios.push(with / without);
    }
    let kib: Vec<f64> = answers.iter().map(|(bytes, _)| bytes / 1024.0).collect();
    let mut milliseconds: Vec<f64> = answers.iter().map(|(_, seconds)| seconds * 1000.0).collect();
    println!("scraped / not               {:>8.2}   (target 0.97)", measure::median(&ratios));
    println!(
        "an answer                   {:>8.0} KiB in {:.1} ms under load",
        measure::median(&kib),
        measure::quantile(&mut milliseconds, 0.5)
    );
    Ok(())
}

/// Asks until it is told to stop; returns the bytes and the seconds of each answer.
async fn watch_worker(address: SocketAddr, mut stop: watch::Receiver<bool>) -> Result<Vec<(f64, f64)>> {
    let mut answers = Vec::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => {}
        }
        let begun = tokio::time::Instant::now();
        // It may not listen yet, or no longer.
        if let Ok(bytes) = scrape(address).await {
            answers.push((bytes, begun.elapsed().as_secs_f64()));
        }
    }
    if answers.is_empty() {
        bail!("the worker has never answered");
    }
    Ok(answers)
}

async fn scrape(address: SocketAddr) -> Result<f64> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("{}", String::from_utf8_lossy(&answer));
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    Ok(answer.len() as f64)
}
