//! Builds the worker from its parts, waits for the world, runs, and stops in order.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::backoff::Backoff;
use crate::booking;
use crate::config::{DatabaseSettings, Settings};
use crate::fault::{Cause, Fault};
use crate::health::{Health, Probe};
use crate::http::{Server, Site};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::monitor::{Monitor, Phase};
use crate::observer::Observer;
use crate::relay::Relay;
use crate::route::Route;
use crate::shared::Shared;
use crate::store::{Pool, migrations, pool};
use crate::sweeper::Sweeper;
use crate::traces::Traces;
use crate::verify::{self, Domain};

/// How long a worker that halts waits for the collector of its traces.
const HALT: Duration = Duration::from_secs(1);

/// Runs the worker until `shutdown` completes; then stops intake, lets batches in flight finish, tells Kafka
/// how far they came, and leaves the group.
///
/// # Errors
/// The fatal fault that halted it. Positions stand below whatever was not applied.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), Cause> {
    let (grace, asked) = (settings.shutdown_grace, OnceLock::new());
    let shutdown = async {
        shutdown.await;
        asked.get_or_init(Instant::now);
    };
    let traces = Traces::start(&settings)?;
    let ended = run_parts(settings, traces.clone(), shutdown).await;
    if let Some(traces) = traces {
        // What the other parts have left of the grace, and never more than a fifth of it; a worker that halts
        // waits for nobody.
        let left = asked.get().map(|asked| grace.saturating_sub(asked.elapsed()).min(grace / 5));
        traces.finish(left.unwrap_or(HALT)).await;
    }
    ended
}

async fn run_parts(
    settings: Settings,
    traces: Option<Arc<Traces>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Cause> {
    tokio::pin!(shutdown);
    let monitor = Arc::new(Monitor::default());
    let metrics = Arc::new(Metrics::new()?);
    let database = open_pool(&settings.database)?;
    let health = Arc::new(Health {
        monitor: monitor.clone(),
        pool: database.clone(),
        group: settings.kafka.group_id.clone(),
        stall_limit: settings.lane_stall_limit,
    });
    let judge = health.clone();
    metrics.mirror(&monitor, &database, move || judge.against_readiness().is_empty())?;
    metrics.mirror_runtime(Handle::current())?;
    let site = Site { metrics: metrics.clone(), health };
    let mut aside = listen(&settings.http_addr, site).await?;
    let probe = Probe::new(&settings.database, monitor.clone()).map_err(|error| unusable(&error))?;
    aside.spawn(probe.run());
    tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        ready = prepare_database(&database, &settings) => ready?,
    }
    monitor.enter(Phase::Running);
    // A new event type's routes are added here.
    let routes: Arc<[Route]> = booking::routes(&settings).into();
    let shared = Arc::new(Shared { traces, ..Shared::new(&settings, database, monitor.clone(), metrics) });
    let grace = settings.shutdown_grace;
    let (stop, stopped) = watch::channel(false);
    let sweeper = Sweeper { shared: shared.clone(), routes: routes.clone() };
    // Nobody waits for its end: it only reads.
    tokio::spawn(Observer { shared: shared.clone() }.run(stopped.clone()));
    let mut sweeping = tokio::spawn(sweeper.run(stopped));
    let relay = Relay {
        shared: shared.clone(),
        routes: routes.clone(),
        kafka: settings.kafka.clone(),
        retention: settings.ledger_retention,
    };
    let (drain, drained) = watch::channel(false);
    let mut relaying = tokio::spawn(relay.run(drained));
    let intake = Intake {
        settings: settings.kafka,
        routes,
        shared,
        // The last fifth is for telling Kafka how far the lanes came, and for leaving the group.
        grace: grace * 4 / 5,
    };
    let mut running = intake.start().map_err(|error| Cause::new(format!("the intake thread: {error}")))?;
    tokio::select! {
        ended = running.finished() => return ended,
        ended = &mut sweeping => return outcome(ended),
        ended = &mut relaying => return outcome(ended),
        () = &mut shutdown => {}
    }
    monitor.enter(Phase::Stopping);
    tracing::info!("stopping: no more records are taken, batches in flight finish");
    running.stop();
    stop.send_replace(true);
    // The thread keeps its own deadlines; this one is for a thread that does not.
    let all = async {
        let (ended, swept) = tokio::join!(running.finished(), sweeping);
        // Last, so that the outcomes of the last batches are published too.
        drain.send_replace(true);
        (ended, swept, relaying.await)
    };
    if let Ok((ended, swept, relayed)) = tokio::time::timeout(grace, all).await {
        ended?;
        outcome(swept)?;
        outcome(relayed)?;
    } else {
        tracing::warn!("the grace period is over; the positions decide what counts");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Serves metrics, health and the status page for as long as the answer is kept.
async fn listen(address: &str, site: Site) -> Result<JoinSet<Infallible>, Cause> {
    let refused = |error: std::io::Error| {
        Cause::new(format!("HTTP cannot be served at {address}: {error}; HTTP_ADDR says where"))
    };
    let server = Server::bind(address).await.map_err(refused)?;
    let address = server.address().map_err(refused)?;
    tracing::info!(%address, "metrics, health and status page are served");
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(Arc::new(site)));
    Ok(serving)
}

/// How a task ended.
fn outcome(ended: Result<Result<(), Cause>, JoinError>) -> Result<(), Cause> {
    ended.unwrap_or_else(|error| Err(Cause::new(format!("a part of the worker panicked: {error}"))))
}

/// Brings the database's schema up to date, waiting for the database as long as it takes, and returns the
/// names of the migrations applied.
///
/// # Errors
/// The fatal fault: a newer database, a refused password, a missing right.
pub async fn migrate(settings: &DatabaseSettings) -> Result<Vec<String>, Cause> {
    let pool = open_pool(settings)?;
    wait_for_database(settings, async || migrations::apply(&pool).await).await
}

/// Proves the promise, or tells what breaks it.
///
/// # Errors
/// What kept the verification from coming to its end.
pub fn verify(settings: &Settings, arguments: &verify::Arguments) -> Result<verify::Report, verify::Failure> {
    // A new domain's checks are added here.
    let domains: [Domain; 1] = [booking::domain()];
    verify::run(settings, &domains, arguments)
}

async fn prepare_database(pool: &Pool, settings: &Settings) -> Result<(), Cause> {
    if settings.migrate_on_start {
        let applied = wait_for_database(&settings.database, async || migrations::apply(pool).await).await?;
        for migration in applied {
            tracing::info!(migration, "migration applied");
        }
        return Ok(());
    }
    wait_for_database(&settings.database, async || pool.get().await.map_err(Fault::from)).await.map(drop)
}

/// Tries until the database answers; says once what it waits for, and once when it has it.
async fn wait_for_database<T>(
    settings: &DatabaseSettings,
    attempt: impl AsyncFn() -> Result<T, Fault>,
) -> Result<T, Cause> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
    let mut waited = false;
    let (host, port, name) = (&*settings.host, settings.port, &*settings.name);
    loop {
        match attempt().await {
            Ok(done) => {
                if waited {
                    tracing::info!(host, port, database = name, "PostgreSQL answers");
                }
                return Ok(done);
            }
            Err(Fault::Transient(cause)) => {
                if !std::mem::replace(&mut waited, true) {
                    tracing::error!(host, port, database = name, error = %cause, "waiting for PostgreSQL");
                }
            }
            Err(Fault::Fatal(cause)) => return Err(cause),
            Err(fault) => return Err(Cause::new(fault.to_string())),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

fn open_pool(settings: &DatabaseSettings) -> Result<Pool, Cause> {
    pool::pool(settings).map_err(|error| unusable(&error))
}

/// Why a pool cannot be made.
fn unusable(error: &anyhow::Error) -> Cause {
    Cause::new(format!("{error:#}"))
}
