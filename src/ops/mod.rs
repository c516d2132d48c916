//! The commands for whoever looks after a worker: see, prove, repair. Each works beside running workers.
//!
//! None logs anything: the result goes to standard output, progress and hints to standard error.

pub mod explain;
pub mod held;
mod kafka;
pub mod positions;
mod progress;
mod words;

use std::io;
use std::sync::Arc;

use clap::Subcommand;
use tokio_postgres::Row;

use crate::config::Settings;
use crate::fault::{Cause, Fault};
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::statement::Parameters;
use crate::statement::Statement;
use crate::store::{Pool, pool};
use crate::terminal::Screen;

/// What a person asks for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how far each partition has been applied, or set it for a deliberate replay
    Positions(positions::Arguments),
    /// Look at the records that were set aside, try them again, or give them up
    Held(held::Arguments),
    /// Tell the story of one booking: every record that named it, and the booking as it is now
    Explain(explain::Arguments),
}

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// PostgreSQL is away, or says no.
    #[error("PostgreSQL: {}", .0.advice())]
    Database(Fault),
    /// Kafka is away, or says no.
    #[error("Kafka: {0}")]
    Kafka(String),
    /// The topics cannot be read.
    #[error("the topics cannot be read: {0}")]
    Topics(String),
    /// What was asked for is not there, or not allowed as things stand.
    #[error("{0}")]
    Refused(String),
    /// The result could not be written.
    #[error("the result cannot be written: {0}")]
    Output(#[from] io::Error),
    /// The result could not be written as JSON.
    #[error("the result cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Database(fault)
    }
}

/// What every command works with.
struct Desk {
    settings: Settings,
    pool: Pool,
    screen: Screen,
}

/// Does what the person asks for. Where a server is away, it says so instead of waiting.
///
/// # Errors
/// The [`Failure`], for the last line.
pub async fn run(command: Command, settings: Settings) -> Result<(), Failure> {
    let pool =
        pool::pool(&settings.database).map_err(|error| Fault::Fatal(Cause::new(format!("{error:#}"))))?;
    let desk = Desk { settings, pool, screen: Screen::of_stdout() };
    match command {
        Command::Positions(arguments) => positions::run(arguments, &desk).await,
        Command::Held(arguments) => held::run(arguments, &desk).await,
        Command::Explain(arguments) => explain::run(&arguments, &desk).await,
    }
}

impl Desk {
    /// The consumer group, part of every key in the worker's tables.
    fn group(&self) -> &str {
        &self.settings.kafka.group_id
    }

    /// What the handlers of live records work with.
    fn shared(&self) -> Result<Shared, Failure> {
        let metrics = Metrics::new().map_err(Fault::Fatal)?;
        Ok(Shared::new(&self.settings, self.pool.clone(), Arc::default(), Arc::new(metrics)))
    }

    /// The topics that the worker reads, in the order in which a person thinks of them.
    fn topics(&self) -> [&str; 2] {
        [&self.settings.kafka.booking_topic, &self.settings.kafka.cancellation_topic]
    }

    /// The rows of one statement.
    async fn query(&self, statement: Statement, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let connection = self.pool.get().await?;
        statement.query(&connection, parameters).await
    }
}
