//! Counts what is asked of PostgreSQL, by operation: how often it succeeds and fails, and how long it takes.
//!
//! One place for the whole process, and the only metrics that are: statements are run on a connection by whoever has
//! one, deep in the store and in the domain, and passing the counters through every signature down there would tell
//! a reader nothing. A command that makes no metrics counts nothing.

use std::sync::OnceLock;
use std::time::Instant;

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::{families, kept};

static STATEMENTS: OnceLock<Statements> = OnceLock::new();

struct Statements {
    results: IntCounterVec,
    durations: HistogramVec,
}

/// From here on everything is counted, and shown by this registry.
pub(super) fn count(registry: &Registry) -> prometheus::Result<()> {
    let new = Statements {
        results: families::DB_OPERATIONS.counter()?,
        durations: families::DB_OPERATION_DURATION.histogram(families::SECONDS)?,
    };
    let statements = STATEMENTS.get_or_init(|| new);
    kept(registry, statements.results.clone())?;
    kept(registry, statements.durations.clone())?;
    Ok(())
}

/// Waits for what is asked of PostgreSQL, and counts it under this name.
pub(crate) async fn measured<T, E>(
    operation: &'static str,
    run: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(statements) = STATEMENTS.get() else { return run.await };
    let begun = Instant::now();
    let answer = run.await;
    let result = if answer.is_ok() { "success" } else { "failure" };
    statements.results.with_label_values(&[operation, result]).inc();
    statements.durations.with_label_values(&[operation]).observe(begun.elapsed().as_secs_f64());
    answer
}
