//! Servers of a test's own, to be stopped and broken: one such test at a time, for the machine's sake.

use std::time::Duration;

use stack::{Kafka, Postgres};
use tokio::sync::{Mutex, MutexGuard};

use super::{World, stack};

static TURN: Mutex<()> = Mutex::const_new(());

/// A PostgreSQL of the test's own.
pub struct OwnPostgres {
    pub postgres: Postgres,
    _turn: MutexGuard<'static, ()>,
}

/// A Kafka of the test's own.
pub struct OwnKafka {
    pub kafka: Kafka,
    _turn: MutexGuard<'static, ()>,
}

impl OwnPostgres {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these parameters of `postgresql.conf`.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let turn = TURN.lock().await;
        Self { postgres: Postgres::start(settings).await.unwrap(), _turn: turn }
    }

    /// A world on this server and the shared Kafka, migrated and with people and rooms.
    pub async fn world(&self, partitions: i32) -> World {
        let kafka = &stack().await.kafka;
        let world = World::on(&self.postgres, kafka.admin(), kafka.bootstrap(), partitions).await;
        let mut migrate = world.run(&["migrate"], &[]);
        let status = migrate.ended_within(Duration::from_secs(30)).await;
        assert!(status.success(), "{}", migrate.text());
        world.seed().await;
        world
    }
}

impl OwnKafka {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these lines of `server.properties`.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let turn = TURN.lock().await;
        Self { kafka: Kafka::start(settings).await.unwrap(), _turn: turn }
    }

    /// A world on this broker and the shared PostgreSQL.
    pub async fn world(&self, partitions: i32) -> World {
        let stack = stack().await;
        World::on(&stack.postgres, self.kafka.admin(), self.kafka.bootstrap(), partitions).await
    }
}
