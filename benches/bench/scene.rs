//! The servers, and a fresh database for each measurement.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use stack::{Kafka, Postgres, Scratch};
use tokio_postgres::Client;
use worker::config::{Environment, Settings};

use crate::load;

/// Stored bookings that cancellations name.
pub const STORED: usize = 12_000;

const TEMPLATE: &str = "bench_template";

/// A stack, and a migrated and seeded database to copy.
pub struct Scene {
    pub postgres: Postgres,
    pub kafka: Kafka,
    pub scratch: Scratch,
    count: AtomicUsize,
}

/// Where one measurement's records are and go.
pub struct Stage {
    pub database: Client,
    pub environment: Vec<(String, String)>,
}

impl Scene {
    pub async fn start() -> Result<Self> {
        let tuning = [("shared_buffers", "512MB"), ("max_wal_size", "4GB")];
        let (postgres, kafka) = tokio::join!(Postgres::start(&tuning), Kafka::start(&[]));
        Self::with(postgres?, kafka?).await
    }

    /// A scene on these servers.
    pub async fn with(postgres: Postgres, kafka: Kafka) -> Result<Self> {
        let scene = Self { postgres, kafka, scratch: Scratch::new("bench")?, count: AtomicUsize::new(0) };
        scene.postgres.create_database(TEMPLATE).await?;
        let settings = settings(&owned(scene.postgres.environment(TEMPLATE)))?;
        worker::app::migrate(&settings.database).await.map_err(|cause| anyhow::anyhow!("{cause}"))?;
        let template = scene.postgres.connect(TEMPLATE).await?;
        // VACUUM must not stand in a transaction, as several statements in one message would.
        for statement in load::seed(STORED).split(';').filter(|statement| !statement.trim().is_empty()) {
            template.batch_execute(statement).await?;
        }
        drop(template);
        Ok(scene)
    }

    /// A fresh database, and a group that has read nothing, for these topics.
    pub async fn stage(&self, bookings: &str, cancellations: &str) -> Result<Stage> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("bench_{number}");
        self.copy(&name).await?;
        let mut environment = owned(self.postgres.environment(&name));
        for (variable, value) in [
            ("KAFKA_BROKERS", self.kafka.bootstrap()),
            ("KAFKA_GROUP_ID", &format!("bench-{number}")),
            ("KAFKA_BOOKING_TOPIC", bookings),
            ("KAFKA_CANCELLATION_TOPIC", cancellations),
            ("LOG_FORMAT", "json"),
            ("HTTP_ADDR", "127.0.0.1:0"),
            // Publishing is measured by itself.
            ("KAFKA_STATUS_TOPIC", ""),
        ] {
            environment.push((variable.to_owned(), value.to_owned()));
        }
        let database = self.postgres.connect(&name).await?;
        // Each measurement begins with the write-ahead log's debts paid.
        database.batch_execute("CHECKPOINT").await?;
        Ok(Stage { database, environment })
    }

    /// Creates a topic and fills it.
    pub async fn topic(
        &self,
        name: &str,
        partitions: i32,
        samples: impl Iterator<Item = load::Sample> + Send + 'static,
    ) -> Result<()> {
        self.kafka.admin().create_topic(name, partitions, &[]).await?;
        load::produce(self.kafka.bootstrap(), name, partitions, samples).await
    }

    async fn copy(&self, name: &str) -> Result<()> {
        // A backend that has just disconnected may still count as a user of the template.
        for _ in 0..50 {
            if self.postgres.copy_database(TEMPLATE, name).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        self.postgres.copy_database(TEMPLATE, name).await
    }
}

/// One line about where this runs.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    format!(
        "{cores} cores ({}), shared by worker, PostgreSQL and Apache Kafka {}",
        model.trim_start_matches(['\t', ' ', ':']),
        stack::distribution::kafka_version()
    )
}

/// The worker's settings by this environment.
pub fn settings(environment: &[(String, String)]) -> Result<Settings> {
    let environment: Environment = environment.iter().cloned().collect();
    Settings::from_snapshot(&environment).context("the bench's settings")
}

fn owned(settings: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
