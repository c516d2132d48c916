//! Servers of a test's own, to be stopped and broken: one such test at a time, for the machine's sake.

use std::time::Duration;

use stack::{Kafka, Postgres, Scratch};
use tokio::sync::{Mutex, MutexGuard};

use super::certificates::Identity;
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

    /// With TLS for whoever asks for it.
    pub async fn secured(identity: &Identity) -> Self {
        let turn = TURN.lock().await;
        let scratch = Scratch::new("identity").unwrap();
        let (certificate, key) = identity.files(scratch.path());
        let postgres = Postgres::start_secured(&certificate, &key, &[]).await.unwrap();
        Self { postgres, _turn: turn }
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

    /// With a second listener that speaks TLS and knows this user.
    pub async fn secured(identity: &Identity, user: &str, password: &str) -> Self {
        let turn = TURN.lock().await;
        let scratch = Scratch::new("identity").unwrap();
        let kafka = Kafka::start_secured(&identity.keystore(scratch.path()), &[]).await.unwrap();
        kafka.add_user(user, password).await.unwrap();
        Self { kafka, _turn: turn }
    }

    /// A world on this broker and the shared PostgreSQL.
    pub async fn world(&self, partitions: i32) -> World {
        let stack = stack().await;
        World::on(&stack.postgres, self.kafka.admin(), self.kafka.bootstrap(), partitions).await
    }
}
