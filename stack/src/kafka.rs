//! A private Apache Kafka: one node in KRaft mode, broker and controller in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::distribution::Distribution;
use crate::{Admin, Ending, Output, Process, Scratch, port, process, settings};

const LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A broker of its own: data folder, ports, log. It ends and disappears with this value.
pub struct Kafka {
    // Dropped before the folder that it works in.
    process: Option<Process>,
    scratch: Scratch,
    distribution: Distribution,
    bootstrap: String,
    secured: Option<String>,
    admin: Admin,
}

impl Kafka {
    /// Starts a broker on an empty storage. `settings` are lines of `server.properties`.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        Self::begin(None, settings).await
    }

    /// The same with a second listener for `SASL_SSL`, which knows the users of [`Kafka::add_user`]. `keystore` is a
    /// PEM file of the private key and the certificate for `localhost`.
    pub async fn start_secured(keystore: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        Self::begin(Some(keystore), settings).await
    }

    async fn begin(keystore: Option<&Path>, own: &[(&str, &str)]) -> Result<Self> {
        let distribution = Distribution::prepare().await?;
        let scratch = Scratch::new("kafka")?;
        let bootstrap = format!("127.0.0.1:{}", port::free()?);
        let controller = format!("127.0.0.1:{}", port::free()?);
        let data = scratch.path().join("data");
        distribution.create_storage(&scratch, &data).await?;
        let mut secured = None;
        let mut lines = Vec::new();
        if let Some(keystore) = keystore {
            let port = port::free()?;
            secured = Some(format!("localhost:{port}"));
            lines = settings::secured(&bootstrap, &controller, port, keystore);
        }
        let lines: Vec<_> =
            lines.iter().map(|(name, value)| (*name, &**value)).chain(own.iter().copied()).collect();
        let text = settings::properties(&bootstrap, &controller, &data, &lines);
        fs::write(scratch.path().join("server.properties"), text)?;

        let admin = Admin::new(&bootstrap, &[])?;
        let mut kafka = Self { process: None, scratch, distribution, bootstrap, secured, admin };
        kafka.start_again().await?;
        Ok(kafka)
    }

    /// The broker's address, as clients want it.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The address of the listener for `SASL_SSL`, where there is one.
    #[must_use]
    pub fn secured(&self) -> Option<&str> {
        self.secured.as_deref()
    }

    /// Gives a user a password, by SCRAM-SHA-256.
    pub async fn add_user(&self, name: &str, password: &str) -> Result<()> {
        let mut command = self.distribution.java("kafka.admin.ConfigCommand");
        command
            .args(["--bootstrap-server", &self.bootstrap, "--alter", "--entity-type", "users"])
            .args(["--entity-name", name, "--add-config"])
            .arg(format!("SCRAM-SHA-256=[password={password}]"));
        process::run(&self.scratch, "add-user", &command, LIMIT).await
    }

    /// Topics, offsets and groups of this broker.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The broker's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.scratch.path().join("kafka.log")
    }

    /// Stops the broker in order; its data and ports stay. One that is stopped already is no error.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        process.signal(Signal::TERM)?;
        if process.wait(STOP_LIMIT).await?.is_none() {
            return Err(process.failure("Apache Kafka did not stop"));
        }
        self.process = None;
        Ok(())
    }

    /// Kills the broker (`SIGKILL`); its data and ports stay.
    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Sends the broker a signal: one that is stopped by `STOP` keeps its connections, and does not answer.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(signal))
    }

    /// Starts the stopped broker on the same data and ports, and waits until all of it can be used.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = self.distribution.java("kafka.Kafka");
        command.arg(self.scratch.path().join("server.properties"));
        let mut process = Process::start(&self.scratch, "kafka", Ending::Kill, Output::Log, &command)?;
        self.admin.wait_until_ready(&mut process).await?;
        self.process = Some(process);
        Ok(())
    }
}
