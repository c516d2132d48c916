//! Builds the worker from its parts, waits for the world, runs, and stops in order.

mod database;
mod parts;

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::booking;
use crate::config::Settings;
use crate::fault::Cause;
use crate::health::{Health, Probe};
use crate::http::{Server, Site};
use crate::metrics::Metrics;
use crate::monitor::{Monitor, Phase};
use crate::route::Route;
use crate::shared::Shared;
use crate::store::Pool;
use crate::traces::Traces;
use crate::verify::{self, Domain};
use parts::Parts;

pub use database::migrate;

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
    let pool = database::open(&settings.database)?;
    // Before the world is waited for, and for as long as this is kept.
    let _aside = show(&settings, &monitor, &metrics, &pool).await?;
    tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        ready = database::prepare(&pool, &settings) => ready?,
    }
    monitor.enter(Phase::Running);
    // A new event type's routes are added here.
    let routes: Arc<[Route]> = booking::routes(&settings).into();
    let shared = Arc::new(Shared { traces, ..Shared::new(&settings, pool, monitor.clone(), metrics) });
    let mut parts = Parts::start(settings, &shared, &routes)?;
    tokio::select! {
        ended = parts.ended() => return ended,
        () = &mut shutdown => {}
    }
    monitor.enter(Phase::Stopping);
    tracing::info!("stopping: no more records are taken, batches in flight finish");
    parts.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Shows what the worker is doing: metrics, health and the status page, for as long as the answer is kept.
async fn show(
    settings: &Settings,
    monitor: &Arc<Monitor>,
    metrics: &Arc<Metrics>,
    pool: &Pool,
) -> Result<JoinSet<Infallible>, Cause> {
    let health = Arc::new(Health {
        monitor: monitor.clone(),
        pool: pool.clone(),
        group: settings.kafka.group_id.clone(),
        stall_limit: settings.lane_stall_limit,
    });
    let judge = health.clone();
    metrics.mirror(monitor, pool, move || judge.against_readiness().is_empty())?;
    metrics.mirror_runtime(Handle::current())?;
    let mut aside = listen(&settings.http_addr, Site { metrics: metrics.clone(), health }).await?;
    let probe =
        Probe::new(&settings.database, monitor.clone()).map_err(|error| database::unusable(&error))?;
    aside.spawn(probe.run());
    Ok(aside)
}

/// Serves them.
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

/// Proves the promise, or tells what breaks it.
///
/// # Errors
/// What kept the verification from coming to its end.
pub fn verify(settings: &Settings, arguments: &verify::Arguments) -> Result<verify::Report, verify::Failure> {
    // A new domain's checks are added here.
    let domains: [Domain; 1] = [booking::domain()];
    verify::run(settings, &domains, arguments)
}
