//! One relay a group at a time: an advisory lock on a connection of its own, which falls with the connection.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::Row;

use crate::fault::Fault;
use crate::statement::{Parameters, Statement, statement};

/// How often the relay makes sure of its connection while it waits for Kafka.
const LOOK: Duration = Duration::from_millis(200);

/// The relay's connection, outside of the pool: live records keep theirs, and the lock's life is the connection's.
pub(super) struct Lease {
    client: ClientWrapper,
}

impl Lease {
    /// Takes a connection out of the pool for good, which makes up for it. The lock is not yet held.
    pub(super) async fn open(connection: Object) -> Result<Self, Fault> {
        let client = Object::take(connection);
        client.batch_execute(include_str!("lease_session.sql")).await?;
        Ok(Self { client })
    }

    /// Takes the group's lock; false where another relay holds it.
    pub(super) async fn acquire(&self, group: &str) -> Result<bool, Fault> {
        let rows = self.query(statement!("lease_acquire.sql"), &[&group]).await?;
        let row = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(row.unwrap_or(false))
    }

    /// Runs a statement on the connection that holds the lock, prepared once.
    pub(super) async fn query(
        &self,
        statement: Statement,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        statement.query(&self.client, parameters).await
    }

    /// Waits until the connection is lost.
    pub(super) async fn is_lost(&self) {
        while !self.client.is_closed() {
            tokio::time::sleep(LOOK).await;
        }
    }
}
