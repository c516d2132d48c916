//! Brings the database's schema up to this binary's, whoever else tries the same.

use std::collections::HashSet;

use deadpool_postgres::Object;
use refinery::{Migration, Report, Runner};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Pool;
use crate::fault::{Cause, Fault};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The key of the advisory lock: "worker", in ASCII.
const LOCK: i64 = 0x776f_726b_6572;

/// How often booking-management's script may get in the way: once for each table and index that both create.
const MOST_COLLISIONS: u32 = 10;

/// Where refinery keeps what it has applied.
const HISTORY: &str = "worker.schema_history";

/// Applies what is missing and returns the names of what was applied, in order. Where nothing is missing it only
/// reads, so that a role without the right to change the schema can start a worker.
///
/// # Errors
/// [`Fault::Fatal`] where the database is newer than this binary, its history differs, or the role may not do what
/// is missing; else the fault of the statement that failed. Each migration is one transaction: what failed has left
/// nothing behind.
pub async fn apply(pool: &Pool) -> Result<Vec<String>, Fault> {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    // Taken out of the pool for good: its time limits are lifted, and its lock must fall with it.
    let mut client = Object::take(pool.get().await?);
    let missing = missing(&client, &runner).await?;
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    migrate(&mut client, &runner).await.map_err(|fault| not_allowed(fault, &missing))
}

/// The migrations that the database has not had, by its own account. It holds for as long as nobody migrates; and
/// what was applied is never taken back.
async fn missing(client: &Client, runner: &Runner) -> Result<Vec<String>, Fault> {
    let all = || runner.get_migrations().iter().map(ToString::to_string).collect();
    if !has_history(client).await? {
        return Ok(all());
    }
    refuse_newer(client, runner).await?;
    let sql = format!("SELECT version::bigint, name, checksum FROM {HISTORY}");
    let rows = client.query(&sql, &[]).await.map_err(|error| not_readable(&error))?;
    let applied: HashSet<(i64, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    // One that differs counts as missing: refinery then says in what.
    let is_missing = |migration: &&Migration| {
        let (version, name) = (i64::from(migration.version()), migration.name().to_owned());
        !applied.contains(&(version, name, migration.checksum().to_string()))
    };
    Ok(runner.get_migrations().iter().filter(is_missing).map(ToString::to_string).collect())
}

/// refinery takes no lock of its own, so that concurrent runs would fail each other: an advisory lock on the
/// same connection lets them pass one by one, and falls with the connection.
async fn migrate(client: &mut Client, runner: &Runner) -> Result<Vec<String>, Fault> {
    client.batch_execute("SET lock_timeout = 0; SET statement_timeout = 0").await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    // Without the catalog's own say, IF NOT EXISTS would still need the right to create schemas.
    if client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = 'worker'", &[]).await?.is_none() {
        client.batch_execute("CREATE SCHEMA worker").await?;
    }
    if has_history(client).await? {
        refuse_newer(client, runner).await?;
    }
    let mut collisions = 0;
    let report = loop {
        match runner.run_async(client).await {
            Err(error) if collisions < MOST_COLLISIONS && made_by_another(&error) => collisions += 1,
            ended => break ended.map_err(|error| refinery_fault(&error))?,
        }
    };
    Ok(names(&report))
}

/// Asked of the catalog, which any role may read.
async fn has_history(client: &Client) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
               WHERE nspname = 'worker' AND relname = 'schema_history'";
    Ok(client.query_opt(sql, &[]).await?.is_some())
}

/// Says what to do where the role may not change the schema.
fn not_allowed(fault: Fault, missing: &[String]) -> Fault {
    let missing = missing.join(", ");
    advised(
        fault,
        &format!(
            "the database has not had {missing}, and this role may not change its schema; run `worker migrate` as the \
             schema's owner"
        ),
    )
}

fn not_readable(error: &tokio_postgres::Error) -> Fault {
    advised(
        Fault::from(error),
        "this role may not see which migrations the database has had; its rights stand in \
         config/postgres/grants.sql, to be given by the schema's owner",
    )
}

/// Says what to do about a right that is missing.
fn advised(fault: Fault, advice: &str) -> Fault {
    match fault {
        Fault::Fatal(mut cause) if cause.code == Some(SqlState::INSUFFICIENT_PRIVILEGE) => {
            cause.message = format!("{}: {advice}", cause.message);
            Fault::Fatal(cause)
        }
        fault => fault,
    }
}

async fn refuse_newer(client: &Client, runner: &Runner) -> Result<(), Fault> {
    let sql = format!("SELECT version::bigint, name FROM {HISTORY} ORDER BY version DESC LIMIT 1");
    let row = client.query_opt(&sql, &[]).await.map_err(|error| not_readable(&error))?;
    let Some(row) = row else { return Ok(()) };
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
