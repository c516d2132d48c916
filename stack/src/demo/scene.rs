//! All that must stand before the first record: servers, topics, schema, guests; and the worker itself.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stack::Process;

use super::environment::{Broker, Database, seconds};
use super::guests;
use super::names::{Given, Names};
use super::program::Program;
use super::terminal::say;

const PARTITIONS: i32 = 3;
const A_DAY: Duration = Duration::from_hours(24);

/// What runs, in the order in which it is to end.
pub(crate) struct Scene {
    worker: Option<Process>,
    /// The broker.
    pub(crate) broker: Broker,
    /// The database.
    pub(crate) database: Database,
    /// What things are called.
    pub(crate) names: Names,
    /// The worker's binary.
    pub(crate) program: Arc<Program>,
}

impl Scene {
    /// Starts or finds the servers and fills them with what a sample of that rate needs.
    pub(crate) async fn set(rate: f64) -> Result<Self> {
        let (database, broker) = tokio::try_join!(Database::find(), Broker::find())?;
        let names = Names::choose(Given { database: database.is_given(), broker: broker.is_given() }, rate);
        let environment = [database.environment(), &broker.environment(), names.environment()].concat();
        let program = Arc::new(Program::new(environment)?);
        let scene = Self { worker: None, broker, database, names, program };

        let topics = scene.names.all_topics();
        scene.broker.create_topics(&topics, PARTITIONS).await.context("topics cannot be created")?;
        say(&format!("The topics are there: {}", topics.join(", ")));

        let began = Instant::now();
        scene.program.migrate().await?;
        say(&format!("The database is migrated ({})", seconds(began)));
        guests::insert(&scene.database.connect().await?).await?;
        say("Guests, rooms and a few bookings of the front desk are in it");
        Ok(scene)
    }

    /// Starts `worker run`.
    pub(crate) fn start_worker(&mut self) -> Result<()> {
        self.worker = Some(self.program.start()?);
        Ok(())
    }

    /// The running worker.
    pub(crate) fn worker(&mut self) -> Result<&mut Process> {
        self.worker.as_mut().context("the worker was not started")
    }

    /// Waits until the worker ends by itself.
    pub(crate) async fn worker_ended(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.worker()?.wait(A_DAY).await? {
                return Ok(status);
            }
        }
    }
}
