//! A database transaction that cannot leak: whatever ends it without an answer takes its connection along.

use std::sync::Arc;

use deadpool_postgres::Object;
use tokio::sync::OnceCell;
use tokio_postgres::Row;

use super::Pool;
use crate::fault::{Cause, Fault};
use crate::metrics::measured;
use crate::statement::{Parameters, Statement, statement};
use crate::traces::Statements;

/// An open transaction on a pooled connection.
///
/// BEGIN travels with the first statement where that one only reads, so that it costs no round trip. Dropped
/// without [`commit`](Self::commit) or [`rollback`](Self::rollback), it closes the connection: the server then
/// rolls back, and no later user of the pool meets the open transaction.
pub struct Transaction {
    connection: Option<Object>,
    begin: &'static str,
    begun: OnceCell<()>,
    /// Notes the statements for a trace, where there is one.
    noted: Option<Arc<Statements>>,
}

/// What is sent as it is, under the names by which metrics and traces know it.
const COMMIT: Statement = Statement { operation: "commit", sql: "COMMIT" };
const ROLLBACK: Statement = Statement { operation: "rollback", sql: "ROLLBACK" };

/// For looks at large tables beside live work: by an index whatever the statistics say, on one core, and not for
/// long. Planned each time, because a plan that is kept would not heed these settings.
const LOOK: &str = "BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = '10s'";

/// All statements see the database as it was at the first one, and none can change it. Each names its own range
/// of rows, so it is planned for that range.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL statement_timeout = '5min'";

impl Transaction {
    /// A transaction on this connection. Nothing is sent yet.
    #[must_use]
    pub fn new(connection: Object) -> Self {
        Self { connection: Some(connection), begin: "BEGIN", begun: OnceCell::new(), noted: None }
    }

    /// A transaction whose statements all see the same state of the database, and only read. Nothing is sent yet.
    #[must_use]
    pub fn snapshot(connection: Object) -> Self {
        Self { connection: Some(connection), begin: SNAPSHOT, begun: OnceCell::new(), noted: None }
    }

    /// The same, its statements noted for a trace.
    #[must_use]
    pub(crate) fn noted(mut self, statements: Option<Arc<Statements>>) -> Self {
        self.noted = statements;
        self
    }

    /// A transaction for a look in passing. Nothing is sent yet.
    #[must_use]
    pub fn look(connection: Object) -> Self {
        Self { connection: Some(connection), begin: LOOK, begun: OnceCell::new(), noted: None }
    }

    /// Runs a statement that changes nothing, prepared once a connection.
    ///
    /// # Errors
    /// The [`Fault`] of BEGIN or of the statement; the transaction must then be rolled back.
    pub async fn read(&self, statement: Statement, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let query = self.noting(statement, async { statement.query(self.connection()?, parameters).await });
        if self.begun.initialized() {
            return query.await;
        }
        // Sent together, in this order. Should BEGIN fail and the query run alone, it has changed nothing.
        let (begun, rows) = tokio::join!(biased; self.begin(), query);
        begun?;
        rows
    }

    /// Runs a statement that changes rows, prepared once a connection, inside the transaction only.
    ///
    /// # Errors
    /// The [`Fault`] of BEGIN or of the statement; the transaction must then be rolled back.
    pub async fn write(&self, statement: Statement, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        self.begin().await?;
        self.noting(statement, statement.query(self.connection()?, parameters)).await
    }

    /// Runs a statement that changes rows and tells how many.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn execute(&self, statement: Statement, parameters: Parameters<'_>) -> Result<u64, Fault> {
        self.begin().await?;
        self.noting(statement, statement.execute(self.connection()?, parameters)).await
    }

    /// The transaction's id, by which [`fate`] can tell what became of it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn id(&self) -> Result<String, Fault> {
        let rows = self.write(statement!("transaction_id.sql"), &[]).await?;
        let row = rows.first().ok_or_else(|| Fault::Fatal(Cause::new("a transaction without an id")))?;
        Ok(row.try_get(0)?)
    }

    /// Commits and gives the connection back.
    ///
    /// # Errors
    /// [`Fault::CommitUnknown`] where no answer says what became of it; any other fault means that nothing was
    /// committed.
    pub async fn commit(mut self) -> Result<(), Fault> {
        let commit = measured(COMMIT.operation, self.connection()?.batch_execute(COMMIT.sql));
        let commit = async { commit.await.map_err(|error| Fault::of_commit(&error)) };
        self.noting(COMMIT, commit).await?;
        self.connection.take();
        Ok(())
    }

    /// Rolls back and gives the connection back; where that fails, the connection is closed.
    pub async fn rollback(mut self) {
        let rollback =
            async { Ok(measured(ROLLBACK.operation, self.connection()?.batch_execute(ROLLBACK.sql)).await?) };
        if self.noting(ROLLBACK, rollback).await.is_ok() {
            self.connection.take();
        }
    }

    async fn begin(&self) -> Result<(), Fault> {
        self.begun
            .get_or_try_init(|| async {
                Ok(measured("begin", self.connection()?.batch_execute(self.begin)).await?)
            })
            .await
            .copied()
    }

    async fn noting<T>(
        &self,
        statement: Statement,
        run: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        match &self.noted {
            Some(statements) => statements.noting(statement, run).await,
            None => run.await,
        }
    }

    fn connection(&self) -> Result<&Object, Fault> {
        self.connection
            .as_ref()
            .ok_or_else(|| Fault::Fatal(Cause::new("a statement was sent after the transaction's end")))
    }
}

/// What has become of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is still running, for all that the server knows.
    Open,
    /// It was committed.
    Committed,
    /// It was rolled back.
    Aborted,
}

/// What has become of the transaction with this id, whose COMMIT was not answered.
///
/// # Errors
/// The [`Fault`] of the statement.
pub async fn fate(pool: &Pool, id: &str) -> Result<Fate, Fault> {
    let connection = pool.get().await?;
    let rows = statement!("transaction_fate.sql").query(&connection, &[&id]).await?;
    let status: Option<&str> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(match status {
        Some("committed") => Fate::Committed,
        Some("in progress") => Fate::Open,
        _ => Fate::Aborted,
    })
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
