//! A private PostgreSQL cluster from the system's binaries, durable as a real one: `fsync` stays on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, geteuid};
use tokio_postgres::{Client, Config, NoTls};

use crate::process::{self, Ending, Output, Process};
use crate::{Scratch, port};

const HOST: &str = "127.0.0.1";
const USER: &str = "postgres";
const PASSWORD: &str = "postgres";
const INSTALLED: &str = "/usr/lib/postgresql";
const DEADLINE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// Given before the caller's own settings, which win.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", HOST),
    ("unix_socket_directories", ""),
    ("max_connections", "200"),
    ("shared_buffers", "128MB"),
    ("lc_messages", "C"),
];

/// How [`Postgres::stop`] ends the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Connections are closed, a checkpoint is written.
    Fast,
    /// As in a crash: the next start recovers from the write-ahead log.
    Immediate,
}

/// A cluster of its own: data folder, port, log. It ends and disappears with this value.
#[derive(Debug)]
pub struct Postgres {
    // Dropped before the folder that it works in.
    process: Option<Process>,
    scratch: Scratch,
    binaries: PathBuf,
    settings: Vec<(String, String)>,
    port: u16,
}

impl Postgres {
    /// Creates a cluster and starts its server. `settings` are `postgresql.conf` parameters.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        Self::begin(Scratch::new("postgres")?, settings).await
    }

    /// The same, and its server speaks TLS with whoever asks for it. Both files are PEM.
    pub async fn start_secured(certificate: &Path, key: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let scratch = Scratch::new("postgres")?;
        let own_key = scratch.path().join("server.key");
        // The server refuses a key that others may read.
        process::run(&scratch, "install", install(&["-m", "600"]).args([key, &own_key]), DEADLINE).await?;
        let (certificate, key) = (certificate.display().to_string(), own_key.display().to_string());
        let mut all = vec![("ssl", "on"), ("ssl_cert_file", &certificate), ("ssl_key_file", &key)];
        all.extend(settings);
        Self::begin(scratch, &all).await
    }

    async fn begin(scratch: Scratch, settings: &[(&str, &str)]) -> Result<Self> {
        let binaries = binaries()?;
        create_cluster(&scratch, &binaries).await?;
        let settings = SETTINGS.iter().chain(settings).map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut postgres = Self { process: None, scratch, binaries, settings, port: port::free()? };
        postgres.start_again().await?;
        Ok(postgres)
    }

    /// Stops the server; its data and port stay. A server that is stopped already is no error.
    pub async fn stop(&mut self, mode: StopMode) -> Result<()> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        process.signal(if mode == StopMode::Fast { Signal::INT } else { Signal::QUIT })?;
        if process.wait(DEADLINE).await?.is_none() {
            return Err(process.failure("PostgreSQL did not stop"));
        }
        self.process = None;
        Ok(())
    }

    /// Starts the stopped server on the same data and port, and waits until it answers.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = as_owner(&self.binaries.join("postgres"));
        command.arg("-D").arg(data(&self.scratch)).arg("-p").arg(self.port.to_string());
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let mut process = Process::start(&self.scratch, "postgres", Ending::Quit, Output::Log, &command)?;
        let deadline = Instant::now() + DEADLINE;
        while let Err(error) = self.connect("postgres").await {
            if process.exited()?.is_some() || Instant::now() > deadline {
                return Err(process.failure(&format!("PostgreSQL does not start ({error:#})")));
            }
            tokio::time::sleep(POLL).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// The server's address.
    #[must_use]
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// The server's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's name. The server does check the password.
    #[must_use]
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The superuser's password.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.scratch.path().join("postgres.log")
    }

    /// The environment by which a worker finds a database of this server.
    #[must_use]
    pub fn environment(&self, database: &str) -> Vec<(&'static str, String)> {
        vec![
            ("DB_HOST", HOST.to_owned()),
            ("DB_PORT", self.port.to_string()),
            ("DB_USER", USER.to_owned()),
            ("DB_PASSWORD", PASSWORD.to_owned()),
            ("DB_NAME", database.to_owned()),
        ]
    }

    /// A new connection of the superuser; it lives on the calling runtime.
    pub async fn connect(&self, database: &str) -> Result<Client> {
        let mut config = Config::new();
        config.host(HOST).port(self.port).user(USER).password(PASSWORD).dbname(database);
        connect(&config).await
    }

    /// Creates an empty database.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.statement(&format!("CREATE DATABASE {}", quoted(name))).await
    }

    /// Creates a database as a copy of another one, which must have no connections.
    pub async fn copy_database(&self, template: &str, name: &str) -> Result<()> {
        let (name, template) = (quoted(name), quoted(template));
        self.statement(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await
    }

    /// Drops a database and closes its connections. One that is missing is no error.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        self.statement(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name))).await
    }

    async fn statement(&self, sql: &str) -> Result<()> {
        let client = self.connect("postgres").await?;
        client.batch_execute(sql).await.with_context(|| sql.to_owned())
    }
}

/// Opens a connection and drives it on the calling runtime.
pub async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // A broken connection shows in the client's next query.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

async fn create_cluster(scratch: &Scratch, binaries: &Path) -> Result<()> {
    let password_file = scratch.path().join("password");
    fs::write(&password_file, PASSWORD)?;
    let mut folder = install(&["-d", "-m", "700"]);
    folder.arg(data(scratch));
    process::run(scratch, "install", &folder, DEADLINE).await?;

    let mut initdb = as_owner(&binaries.join("initdb"));
    initdb
        .arg("-D")
        .arg(data(scratch))
        .arg(format!("--pwfile={}", password_file.display()))
        .args(["--username", USER, "--encoding=UTF8", "--locale=C"])
        // Plain passwords: checked as any other, without what SCRAM costs each new connection.
        .args(["--auth=password", "--no-instructions"])
        // Only initdb's own files: the server that follows flushes what it writes.
        .arg("--no-sync");
    process::run(scratch, "initdb", &initdb, DEADLINE).await
}

fn data(scratch: &Scratch) -> PathBuf {
    scratch.path().join("data")
}

/// Makes a file or folder that belongs to whom the server runs as.
fn install(arguments: &[&str]) -> Command {
    let mut command = Command::new("install");
    command.args(arguments);
    if geteuid().is_root() {
        command.args(["-o", USER]);
    }
    command
}

/// PostgreSQL refuses to run as root: root becomes the user of the system's package.
fn as_owner(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program);
    command
}

/// The newest installed version's folder, else the one of `initdb` on the `PATH`.
fn binaries() -> Result<PathBuf> {
    let versions = match fs::read_dir(INSTALLED) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(_) => Vec::new(),
    };
    let newest = versions
        .iter()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .map(|(version, folder)| (version, folder.join("bin")))
        .filter(|(_, folder)| folder.join("initdb").exists() && folder.join("postgres").exists())
        .max();
    if let Some((_, folder)) = newest {
        return Ok(folder);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()) {
        Some(folder) => Ok(folder),
        None => bail!("PostgreSQL's server binaries are missing: stack/install-packages adds them"),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
