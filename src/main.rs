//! The `worker` command: settings, commands, signals, exit codes.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use worker::config::{ConfigurationFaults, LogFormat, Report, Settings, render_table};
use worker::telemetry::{self, Format, LogGuard};
use worker::{app, intake, verify};

/// Applies booking events from Kafka to PostgreSQL, each exactly once.
///
/// Settings come from the environment: `worker config` shows each with its value, its default and what it is
/// for. Exit codes: 0 ended as asked, 1 a fatal fault (said in the last line), 2 wrong usage or settings.
#[derive(Parser)]
#[command(version, about, long_about, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  worker config                                            what is set, and what could be
  DB_HOST=db KAFKA_BROKERS=kafka:9092 worker               consume until SIGTERM or Ctrl-C
  DB_HOST=db DB_PASSWORD_FILE=/run/secrets/db worker migrate   bring the schema up to date";

#[derive(Subcommand)]
enum Command {
    /// Consume until SIGTERM or SIGINT; a second signal ends at once (the default command)
    Run,
    /// Apply the migrations that are missing, print which, and end
    Migrate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the ledger against positions, bookings and held records: 0 only where nothing breaks the promise
    Verify(verify::Arguments),
    /// Print each setting with its value, where it came from and its default; secrets are hidden
    Config {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const OK: u8 = 0;
const FATAL: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Run);
    let code = match command {
        Command::Config { json } => config(json),
        Command::Run => with_settings(run),
        Command::Migrate { json } => with_settings(|settings| migrate(&settings, json)),
        Command::Verify(arguments) => with_settings(|settings| {
            let report = app::verify(&settings, &arguments)?;
            print(&report.text(arguments.json))?;
            Ok(if report.holds() { OK } else { FATAL })
        }),
    };
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("worker: {error:#}"));
            ExitCode::from(FATAL)
        }
    }
}

/// Checks the settings, all at once, before anything starts.
fn with_settings(act: impl FnOnce(Settings) -> anyhow::Result<u8>) -> anyhow::Result<u8> {
    match usable_settings() {
        Ok(settings) => act(settings),
        Err(faults) => {
            say(&format!("worker: the settings are not usable; `worker config` shows them all\n{faults}"));
            Ok(USAGE)
        }
    }
}

/// The settings, where every part of the worker can live with them.
fn usable_settings() -> Result<Settings, ConfigurationFaults> {
    let settings = Settings::from_environment()?;
    intake::check(&settings.kafka).map_err(|fault| ConfigurationFaults(vec![fault]))?;
    Ok(settings)
}

fn config(json: bool) -> anyhow::Result<u8> {
    let mut report: Report = Settings::report();
    if let Err(faults) = usable_settings() {
        report.faults = faults;
    }
    let mut text = if json { serde_json::to_string_pretty(&report)? } else { render_table(&report.settings) };
    if !report.faults.0.is_empty() && !json {
        text = format!("{}\n\n{}", text.trim_end(), report.faults);
    }
    print(&text)?;
    Ok(if report.faults.0.is_empty() { OK } else { USAGE })
}

fn migrate(settings: &Settings, json: bool) -> anyhow::Result<u8> {
    let log = start_log(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = Signals::listen(&runtime)?;
    let applied = runtime.block_on(async {
        tokio::select! {
            applied = app::migrate(&settings.database) => Some(applied),
            () = signals.next() => None,
        }
    });
    drop(log);
    let Some(applied) = applied else { anyhow::bail!("interrupted; what was applied stays applied") };
    let applied = applied.map_err(|cause| anyhow::anyhow!("{cause}"))?;
    let text = if json {
        serde_json::to_string(&serde_json::json!({ "applied": applied }))?
    } else if applied.is_empty() {
        "the schema is up to date; nothing to apply".into()
    } else {
        applied.iter().map(|name| format!("applied {name}")).collect::<Vec<_>>().join("\n")
    };
    print(&text)?;
    Ok(OK)
}

fn run(settings: Settings) -> anyhow::Result<u8> {
    let log = start_log(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut signals = Signals::listen(&runtime)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        group = settings.kafka.group_id,
        brokers = settings.kafka.brokers,
        database = settings.database.name,
        "worker starts"
    );
    let (asked, shutdown) = tokio::sync::oneshot::channel::<()>();
    let log = std::sync::Arc::new(log);
    let at_once = log.clone();
    runtime.spawn(async move {
        signals.next().await;
        let _ = asked.send(());
        signals.next().await;
        tracing::warn!(
            "a second signal: ending at once; what was not committed is applied after the next start"
        );
        at_once.flush();
        std::process::exit(i32::from(FATAL));
    });
    let ended = runtime.block_on(app::run(settings, async {
        let _ = shutdown.await;
    }));
    if let Err(cause) = &ended {
        tracing::error!(error = %cause, "worker halts: positions stand below what was not applied");
    }
    log.flush();
    // What still runs is past its deadline: a statement in flight, or a consumer whose brokers are away.
    runtime.shutdown_background();
    match ended {
        Ok(()) => Ok(OK),
        Err(cause) => {
            say(&format!("worker: {cause}"));
            std::process::exit(i32::from(FATAL));
        }
    }
}

fn start_log(settings: &Settings) -> anyhow::Result<LogGuard> {
    let format = settings.log.format.map(|format| match format {
        LogFormat::Json => Format::Json,
        LogFormat::Pretty => Format::Pretty,
    });
    telemetry::start(Format::for_stdout(format), &settings.log.filter).context("the log")
}

/// SIGTERM and SIGINT, heard from the moment of its making.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen(runtime: &tokio::runtime::Runtime) -> std::io::Result<Self> {
        let _context = runtime.enter();
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Prints a result. A reader that went away (`| head`) is no fault.
fn print(text: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says something to the person; there is nowhere else to say that it could not be said.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
