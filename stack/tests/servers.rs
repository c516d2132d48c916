//! The private servers keep their data and their addresses while they are stopped and started.

#![expect(clippy::print_stderr, reason = "how long things take is worth knowing")]

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use stack::{Kafka, Postgres, StopMode};

#[tokio::test]
async fn postgres_keeps_its_data_over_stop_and_crash() -> Result<()> {
    let mut postgres = timed("postgres start", Postgres::start(&[("work_mem", "8MB")])).await?;
    postgres.create_database("one \"quoted\" name").await?;
    let client = postgres.connect("one \"quoted\" name").await?;
    client.batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)").await?;
    let work_mem: String = client.query_one("SHOW work_mem", &[]).await?.get(0);
    ensure!(work_mem == "8MB", "the caller's settings are not in force");

    for mode in [StopMode::Fast, StopMode::Immediate] {
        let port = postgres.port();
        timed("postgres stop", postgres.stop(mode)).await?;
        ensure!(postgres.connect("postgres").await.is_err(), "it still answers");
        timed("postgres start again", postgres.start_again()).await?;
        ensure!(postgres.port() == port, "it moved");
        let client = postgres.connect("one \"quoted\" name").await?;
        let rows: i64 = client.query_one("SELECT count(*) FROM kept", &[]).await?.get(0);
        ensure!(rows == 1, "the row is gone");
    }
    postgres.copy_database("one \"quoted\" name", "copy").await?;
    postgres.drop_database("one \"quoted\" name").await
}

#[tokio::test]
async fn postgres_refuses_a_wrong_password() -> Result<()> {
    let postgres = Postgres::start(&[]).await?;
    let mut config = tokio_postgres::Config::new();
    config.host(postgres.host()).port(postgres.port()).user(postgres.user()).password("wrong");
    ensure!(stack::postgres::connect(&config).await.is_err(), "any password will do");
    Ok(())
}

#[tokio::test]
async fn kafka_keeps_its_records_and_offsets_over_stop_and_kill() -> Result<()> {
    let mut kafka = timed("kafka start", Kafka::start(&[])).await?;
    let admin = kafka.admin().clone();
    timed("create topic", admin.create_topic("kept", 2, &[("retention.ms", "-1")])).await?;
    produce(kafka.bootstrap(), 10).await?;
    timed("commit", admin.commit("group", "kept", 1, 7)).await?;

    let bootstrap = kafka.bootstrap().to_owned();
    timed("kafka stop", kafka.stop()).await?;
    ensure!(admin.ready().await.is_err(), "it still answers");
    timed("kafka start again", kafka.start_again()).await?;
    timed("kafka kill", kafka.kill()).await?;
    timed("kafka start after kill", kafka.start_again()).await?;
    ensure!(kafka.bootstrap() == bootstrap, "it moved");

    ensure!(admin.end_offsets("kept").await? == [0, 10], "records are gone");
    let committed = timed("committed", admin.committed("group", "kept")).await?;
    ensure!(committed == [None, Some(7)], "the committed offset is gone: {committed:?}");
    admin.delete_records("kept", 1, 4).await?;
    ensure!(admin.watermarks("kept", 1).await? == (4, 10), "records are not deleted");
    timed("delete topic", admin.delete_topic("kept")).await
}

async fn produce(bootstrap: &str, records: i32) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    for number in 0..records {
        let payload = number.to_string();
        let record = FutureRecord::to("kept").partition(1).key("key").payload(&payload);
        producer.send(record, Duration::from_secs(10)).await.map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// Says how long it took, for whoever runs this with `--nocapture`.
async fn timed<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let start = Instant::now();
    let result = work.await;
    eprintln!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    result
}
