//! Brings the database's schema up to this binary's, whoever else tries the same.

use deadpool_postgres::Object;
use refinery::{Report, Runner};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{Cause, Fault, Pool};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The key of the advisory lock: "worker", in ASCII.
const LOCK: i64 = 0x776f_726b_6572;

/// How often booking-management's script may get in the way: once for each table and index that both create.
const MOST_COLLISIONS: u32 = 10;

/// Where refinery keeps what it has applied.
const HISTORY: &str = "worker.schema_history";

/// Applies what is missing and returns the names of what was applied, in order.
///
/// refinery takes no lock of its own, so that concurrent runs would fail each other: an advisory lock on the
/// same connection lets them pass one by one, and falls with the connection.
///
/// # Errors
/// [`Fault::Fatal`] where the database is newer than this binary, or its history differs; else the fault of
/// the statement that failed. Each migration is one transaction: what failed has left nothing behind.
pub async fn apply(pool: &Pool) -> Result<Vec<String>, Fault> {
    // Taken out of the pool for good: its time limits are lifted, and its lock must fall with it.
    let mut client = Object::take(pool.get().await?);
    client.batch_execute("SET lock_timeout = 0; SET statement_timeout = 0").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    // Without the catalog's own say, IF NOT EXISTS would still need the right to create schemas.
    if client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = 'worker'", &[]).await?.is_none() {
        client.batch_execute("CREATE SCHEMA worker").await?;
    }
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    refuse_newer(&client, &runner).await?;
    let connection: &mut Client = &mut client;
    let mut collisions = 0;
    let report = loop {
        match runner.run_async(connection).await {
            Err(error) if collisions < MOST_COLLISIONS && made_by_another(&error) => collisions += 1,
            ended => break ended.map_err(|error| refinery_fault(&error))?,
        }
    };
    Ok(names(&report))
}

async fn refuse_newer(client: &Client, runner: &Runner) -> Result<(), Fault> {
    let exists = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&HISTORY]).await?;
    if !exists.get::<_, bool>(0) {
        return Ok(());
    }
    let sql = format!("SELECT version::bigint, name FROM {HISTORY} ORDER BY version DESC LIMIT 1");
    let Some(row) = client.query_opt(&sql, &[]).await? else { return Ok(()) };
    let (version, name): (i64, String) = (row.get(0), row.get(1));
    let known = runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max();
    match known {
        Some(known) if version <= known => Ok(()),
        known => Err(Fault::Fatal(Cause::new(format!(
            "the database is newer than this worker: its schema is at V{version}__{name}, this binary knows \
             up to V{}; run a newer worker, or restore the database this one belongs to",
            known.unwrap_or_default()
        )))),
    }
}

fn names(report: &Report) -> Vec<String> {
    report
        .applied_migrations()
        .iter()
        .map(|migration| format!("V{}__{}", migration.version(), migration.name()))
        .collect()
}

fn refinery_fault(error: &refinery::Error) -> Fault {
    match postgres_error(error) {
        Some(error) => Fault::from(error),
        None => Fault::Fatal(Cause::new(format!("migrations: {error}"))),
    }
}

/// Whether what a migration was about to create has come into being meanwhile: booking-management's script ran
/// at the same moment, and what it had not committed could not be seen. The next try finds it there.
fn made_by_another(error: &refinery::Error) -> bool {
    postgres_error(error).and_then(tokio_postgres::Error::as_db_error).is_some_and(|error| {
        let in_catalog = error.constraint().is_some_and(|name| name.starts_with("pg_"));
        *error.code() == SqlState::DUPLICATE_TABLE
            || (*error.code() == SqlState::UNIQUE_VIOLATION && in_catalog)
    })
}

fn postgres_error(error: &refinery::Error) -> Option<&tokio_postgres::Error> {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source()).find_map(<dyn std::error::Error>::downcast_ref)
}
