//! All that must stand before the first record: servers, topics, schema, guests; and the worker itself.

use std::env;
use std::io::{IsTerminal, stdout};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stack::{Ending, Output, Process, Scratch, process};

use super::environment::{Broker, Database, seconds, setting};
use super::guests;
use super::terminal::say;

const PARTITIONS: i32 = 3;
const MIGRATION_LIMIT: Duration = Duration::from_mins(2);
const A_DAY: Duration = Duration::from_hours(24);

/// What runs, in the order in which it is to end.
pub(crate) struct Scene {
    worker: Option<Process>,
    /// The broker.
    pub(crate) broker: Broker,
    /// The database.
    pub(crate) database: Database,
    scratch: Scratch,
}

impl Scene {
    /// Starts or finds the servers and fills them with what the sample needs.
    pub(crate) async fn set() -> Result<Self> {
        let (database, broker) = tokio::try_join!(Database::find(), Broker::find())?;
        let scratch = Scratch::new("worker")?;
        let scene = Self { worker: None, broker, database, scratch };

        let topics = topics();
        let names = [topics[0].as_str(), topics[1].as_str()];
        scene.broker.create_topics(names, PARTITIONS).await.context("topics cannot be created")?;
        say(&format!("The topics {} and {} are there", topics[0], topics[1]));

        let began = Instant::now();
        let migrate = scene.worker_command("migrate")?;
        process::run(&scene.scratch, "migrate", &migrate, MIGRATION_LIMIT)
            .await
            .context("the database cannot be migrated")?;
        say(&format!("The database is migrated ({})", seconds(began)));
        guests::insert(&scene.database.connect().await?).await?;
        say("Guests, rooms and a few bookings of the front desk are in it");
        Ok(scene)
    }

    /// Starts `worker run`, its log straight to where the demo's own output goes.
    pub(crate) fn start_worker(&mut self) -> Result<()> {
        let command = self.worker_command("run")?;
        let worker = Process::start(&self.scratch, "worker", Ending::Kill, Output::Inherit, &command)?;
        self.worker = Some(worker);
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

    /// The worker's binary lies beside the demo's.
    fn worker_command(&self, subcommand: &str) -> Result<Command> {
        let mut command = Command::new(env::current_exe()?.with_file_name("worker"));
        command.arg(subcommand);
        command.envs(self.database.environment().iter().cloned());
        command.envs(self.broker.environment());
        if setting("LOG_FORMAT").is_none() && stdout().is_terminal() {
            command.env("LOG_FORMAT", "pretty");
        }
        Ok(command)
    }
}

/// The topics of bookings and of cancellations, by the worker's own settings.
pub(crate) fn topics() -> [String; 2] {
    [("KAFKA_BOOKING_TOPIC", "booking-events"), ("KAFKA_CANCELLATION_TOPIC", "booking-cancellations")]
        .map(|(name, default)| setting(name).unwrap_or_else(|| default.to_owned()))
}
