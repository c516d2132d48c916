//! From produce to committed, at a gentle rate, beside a lone commit and a lone fetch.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _};
use stack::{Kafka, Postgres};
use tokio_postgres::Client;

use crate::scene::Scene;
use crate::{load, measure, worker};

/// Records a second.
const RATE: u64 = 50;
const RECORDS: usize = 1_500;

/// Measures on servers of its own: PostgreSQL's commit timestamps, by which this is measured, cost throughput.
pub async fn run(_: &Scene) -> Result<()> {
    let (postgres, kafka) =
        tokio::join!(Postgres::start(&[("track_commit_timestamp", "on")]), Kafka::start(&[]));
    let scene = Scene::with(postgres?, kafka?).await?;
    let (bookings, cancellations) = ("latency-bookings", "latency-cancellations");
    for topic in [bookings, cancellations] {
        scene.kafka.admin().create_topic(topic, 6, &[]).await?;
    }
    let stage = scene.stage(bookings, cancellations).await?;
    println!("{RECORDS} bookings, {RATE} a second; milliseconds");
    let mut commits = lone_commits(&stage.database).await?;
    say("a lone commit", &mut commits);
    let mut fetches = lone_fetches(scene.kafka.bootstrap(), bookings).await?;
    say("produce to fetched", &mut fetches);

    let mut process = worker::start(&scene, &stage, &[])?;
    let before = measure::applied(&stage.database).await?;
    // The records of the lone fetches come first.
    measure::wait_for(&stage.database, before + i64::try_from(RECORDS)?, Duration::from_mins(1)).await?;
    let sent = produce(scene.kafka.bootstrap(), bookings, RECORDS).await?;
    measure::wait_for(&stage.database, i64::try_from(2 * RECORDS)?, Duration::from_mins(1)).await?;
    let mut latencies = Vec::new();
    let sql = "SELECT subject, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM worker.ledger \
               WHERE outcome = 'accepted'";
    for row in stage.database.query(sql, &[]).await? {
        if let Some(at) = sent.get(row.get::<_, &str>(0)) {
            latencies.push((row.get::<_, f64>(1) - at) * 1e3);
        }
    }
    worker::stop(&mut process).await?;
    say("produce to committed", &mut latencies);
    let mark = 3.0 * measure::quantile(&mut commits, 0.99) + measure::quantile(&mut fetches, 0.99);
    println!(
        "p99 / (3 x lone commit + fetch) {:.2}   (target 1)",
        measure::quantile(&mut latencies, 0.99) / mark
    );
    Ok(())
}

fn say(what: &str, values: &mut [f64]) {
    let (half, most) = (measure::quantile(values, 0.5), measure::quantile(values, 0.99));
    println!("{what:<27} p50 {half:>6.1}  p99 {most:>6.1}  ({} values)", values.len());
}

async fn lone_commits(database: &Client) -> Result<Vec<f64>> {
    database.batch_execute("CREATE TABLE lone (id bigint PRIMARY KEY)").await?;
    let insert = database.prepare("INSERT INTO lone VALUES ($1)").await?;
    let mut pace = tokio::time::interval(Duration::from_millis(1000 / RATE));
    let mut values = Vec::new();
    for number in 0..i64::try_from(RECORDS)? / 3 {
        pace.tick().await;
        let started = Instant::now();
        database.execute(&insert, &[&number]).await?;
        values.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(values)
}

async fn lone_fetches(bootstrap: &str, topic: &str) -> Result<Vec<f64>> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "lone-fetches")
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[topic])?;
    let fetching = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < RECORDS {
            let message = consumer.recv().await?;
            let id = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
            seen.push((id, now()));
        }
        Ok::<_, rdkafka::error::KafkaError>(seen)
    });
    // Other ids than the worker's own measurement has.
    let sent = produce_from(bootstrap, topic, RECORDS, 1_000_000).await?;
    Ok(fetching
        .await??
        .into_iter()
        .filter_map(|(id, at)| Some((at - sent.get(&id)?) * 1e3))
        .skip(100)
        .collect())
}

async fn produce(bootstrap: &str, topic: &str, records: usize) -> Result<HashMap<String, f64>> {
    produce_from(bootstrap, topic, records, 0).await
}

/// Produces at the rate and returns when each booking was sent.
async fn produce_from(
    bootstrap: &str,
    topic: &str,
    records: usize,
    first: usize,
) -> Result<HashMap<String, f64>> {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).set("linger.ms", "0").create()?;
    let mut pace = tokio::time::interval(Duration::from_millis(1000 / RATE));
    let mut sent = HashMap::new();
    for number in first..first + records {
        pace.tick().await;
        let sample = load::booking(number);
        sent.insert(sample.key.clone(), now());
        let record = FutureRecord::to(topic).key(&sample.key).payload(&sample.payload);
        producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
    }
    Ok(sent)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
