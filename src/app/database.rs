//! The database at start: waited for, and brought up to date.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::config::{DatabaseSettings, Settings};
use crate::fault::{Cause, Fault};
use crate::store::{Pool, migrations, pool};

/// Brings the database's schema up to date, waiting for the database as long as it takes, and returns the
/// names of the migrations applied.
///
/// # Errors
/// The fatal fault: a newer database, a refused password, a missing right.
pub async fn migrate(settings: &DatabaseSettings) -> Result<Vec<String>, Cause> {
    let pool = open(settings)?;
    wait_for_database(settings, async || migrations::apply(&pool).await).await
}

/// Waits until the lanes may begin: the database answers, and its schema is up to date where that is this worker's task.
pub(super) async fn prepare(pool: &Pool, settings: &Settings) -> Result<(), Cause> {
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

/// A pool of connections; none is opened yet.
pub(super) fn open(settings: &DatabaseSettings) -> Result<Pool, Cause> {
    pool::pool(settings).map_err(|error| unusable(&error))
}

/// Why a pool cannot be made.
pub(super) fn unusable(error: &anyhow::Error) -> Cause {
    Cause::new(format!("{error:#}"))
}
