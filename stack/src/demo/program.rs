//! The worker's binary, which lies beside the demo's: its service and its commands.

use std::env;
use std::io::{IsTerminal, stdout};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use stack::{Ending, Output, Process, Scratch, process};

use super::environment::setting;
use super::terminal::say;

const MIGRATION_LIMIT: Duration = Duration::from_mins(2);
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// How to run it: where, and what it is told.
pub(crate) struct Program {
    scratch: Scratch,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    /// The binary, to be run with these settings beside the demo's own environment.
    pub(crate) fn new(mut environment: Vec<(&'static str, String)>) -> Result<Self> {
        if setting("LOG_FORMAT").is_none() && stdout().is_terminal() {
            environment.push(("LOG_FORMAT", "pretty".to_owned()));
        }
        if setting("HTTP_ADDR").is_none() {
            let address = format!("127.0.0.1:{}", stack::port::free()?);
            say(&format!("The worker's status page: http://{address}/ (and /metrics, /health/detailed)"));
            environment.push(("HTTP_ADDR", address));
        }
        Ok(Self { scratch: Scratch::new("worker")?, environment })
    }

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let command = self.command(&["migrate"])?;
        let migrated = process::run(&self.scratch, "migrate", &command, MIGRATION_LIMIT).await;
        migrated.context("the database cannot be migrated")
    }

    /// Starts `worker run`, its log straight to where the demo's own output goes.
    pub(crate) fn start(&self) -> Result<Process> {
        let command = self.command(&["run"])?;
        Process::start(&self.scratch, "worker", Ending::Kill, Output::Inherit, &command)
    }

    /// Runs one of the commands for a person, and shows what it prints among the demo's own lines.
    pub(crate) async fn show(&self, arguments: &[&str]) -> Result<()> {
        let command = self.command(arguments)?;
        let process = Process::start(&self.scratch, "command", Ending::Kill, Output::Error, &command)?;
        process.finish(COMMAND_LIMIT).await
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(env::current_exe()?.with_file_name("worker"));
        command.args(arguments);
        command.envs(self.environment.iter().cloned());
        Ok(command)
    }
}
