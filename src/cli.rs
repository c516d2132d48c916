//! The command line: what `worker` understands. The commands of [`crate::ops`] bring their own arguments.

use clap::{Parser, Subcommand};

use crate::{health, ops, verify};

/// Applies booking events from Kafka to PostgreSQL, each exactly once.
///
/// Settings come from the environment: `worker config` shows each with its value, its default and what it is
/// for. Exit codes: 0 ended as asked, 1 a fatal fault (said in the last line), 2 wrong usage or settings.
#[derive(Debug, Parser)]
#[command(name = "worker", version, about, long_about, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do; to run, where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  worker config                                            what is set, and what could be
  DB_HOST=db KAFKA_BROKERS=kafka:9092 worker               consume until SIGTERM or Ctrl-C
  DB_HOST=db DB_PASSWORD_FILE=/run/secrets/db worker migrate   bring the schema up to date
  worker explain booking_456                               what became of a booking, and why
  worker held list                                         the records that wait or need a person
  worker verify --records                                  whether the promise holds, record by record
  worker healthcheck                                       whether the worker here makes progress";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Consume until SIGTERM or SIGINT; a second signal ends at once (the default command)
    Run,
    /// Apply the migrations that are missing, print which, and end
    Migrate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print each setting with its value, where it came from and its default; secrets are hidden
    Config {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the ledger against positions, bookings and held records: 0 only where nothing breaks the promise
    Verify(verify::Arguments),
    /// Ask the running worker at `HTTP_ADDR` whether it lives: 0 where it does, else 1 and one line that says why not
    Healthcheck(health::Arguments),
    /// The commands for whoever looks after a worker.
    #[command(flatten)]
    Operate(ops::Command),
}
