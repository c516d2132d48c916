//! A database before its migrations, and what they make of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stack::Scratch;
use tokio_postgres::Client;

use super::{Worker, stack};

/// booking-management's own init script, with sample data.
pub const THEIR_SCRIPT: &str = include_str!("../fixtures/booking_management.sql");

/// The contract's columns: name, type, whether null is allowed.
const COLUMNS: &str = "
    SELECT table_name || '.' || column_name || ' ' || format_type(atttypid, atttypmod)
           || CASE WHEN attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || column_default, '')
    FROM information_schema.columns
    JOIN pg_attribute ON attrelid = to_regclass('public.' || table_name) AND attname = column_name
    WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";

/// The contract's constraints, in PostgreSQL's words.
const CONSTRAINTS: &str = "
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1";

/// The contract's indexes that belong to no constraint.
const INDEXES: &str = "
    SELECT indrelid::regclass || CASE WHEN indisunique THEN ' unique ' ELSE ' ' END
           || substring(pg_get_indexdef(indexrelid) FROM '\\(.*\\)')
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1";

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A database of its own that nobody has migrated.
pub struct Empty {
    pub client: Client,
    scratch: Scratch,
    settings: Vec<(String, String)>,
    runs: AtomicUsize,
}

impl Empty {
    pub async fn new() -> Self {
        let postgres = &stack().await.postgres;
        let name = format!("empty_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        postgres.create_database(&name).await.unwrap();
        let settings = postgres.environment(&name).into_iter();
        Self {
            client: postgres.connect(&name).await.unwrap(),
            settings: settings.map(|(variable, value)| (variable.to_owned(), value)).collect(),
            scratch: Scratch::new("migrations").unwrap(),
            runs: AtomicUsize::new(0),
        }
    }

    /// Starts `worker` on it.
    pub fn start(&self, arguments: &[&str], extra: &[(&str, &str)]) -> Worker {
        let name = format!("worker-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        let extra = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = self.settings.iter().cloned().chain(extra).collect();
        Worker::start(&self.scratch, &name, arguments, &settings)
    }

    /// Runs `worker migrate` to its end; returns its exit code and what it printed.
    pub async fn migrate(&self) -> (Option<i32>, String) {
        ended(self.start(&["migrate"], &[])).await
    }

    /// Runs statements, as another service does.
    pub async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// The first column of each row.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The shared tables: columns, constraints, indexes.
    pub async fn shared_schema(&self) -> Vec<String> {
        let mut schema = Vec::new();
        for sql in [COLUMNS, CONSTRAINTS, INDEXES] {
            schema.extend(self.texts(sql).await);
        }
        schema
    }

    /// The migrations that refinery has recorded.
    pub async fn history(&self) -> Vec<String> {
        let exists = self.texts("SELECT coalesce(to_regclass('worker.schema_history')::text, '')").await;
        if exists == [""] {
            return Vec::new();
        }
        self.texts("SELECT 'V' || version || '__' || name FROM worker.schema_history ORDER BY version").await
    }
}

/// Waits for a worker's end; returns its exit code and what it printed.
pub async fn ended(mut worker: Worker) -> (Option<i32>, String) {
    let status = worker.ended_within(Duration::from_mins(1)).await;
    (status.code(), worker.text().trim_end().to_owned())
}
