//! The `worker` command: settings, commands, signals, exit codes.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use worker::cli::{Arguments, Command};
use worker::config::{ConfigurationFaults, LogFormat, Report, Settings, render_table};
use worker::telemetry::{self, Format, LogGuard};
use worker::terminal::{harmless, print, say};
use worker::{app, health, intake, ops, relay};

const OK: u8 = 0;
const FATAL: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Run);
    let code = match command {
        Command::Config { json } => config(json),
        Command::Run => with_settings(run),
        Command::Migrate { json } => with_settings(|settings| migrate(&settings, json)),
        Command::Operate(command) => with_settings(|settings| operate(command, settings)),
        Command::Healthcheck(arguments) => healthcheck(&arguments),
        Command::Verify(arguments) => with_settings(|settings| {
            let report = app::verify(&settings, &arguments)?;
            print(&report.text(arguments.json)?)?;
            Ok(if report.holds() { OK } else { FATAL })
        }),
    };
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&harmless(&format!("worker: {error:#}")));
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
    for check in [intake::check, relay::check] {
        check(&settings.kafka).map_err(|fault| ConfigurationFaults(vec![fault]))?;
    }
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

/// Of all settings, only the address counts.
fn healthcheck(arguments: &health::Arguments) -> anyhow::Result<u8> {
    health::check(arguments)?;
    print("ok")?;
    Ok(OK)
}

/// A signal ends it at once: what is in the middle of a transaction is rolled back by PostgreSQL.
fn operate(command: ops::Command, settings: Settings) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(ops::run(command, settings));
    // A question to brokers that are away may never be answered.
    runtime.shutdown_background();
    done?;
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
