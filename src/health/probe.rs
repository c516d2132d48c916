//! Asks PostgreSQL every few seconds whether it answers and takes writes, on a connection of its own: the lanes' may
//! all be waiting for locks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object};

use crate::config::DatabaseSettings;
use crate::fault::Fault;
use crate::monitor::{Monitor, Unavailable};
use crate::record::clean_text;
use crate::statement::statement;
use crate::store::{Pool, pool};

/// The pause between two questions.
const EVERY: Duration = Duration::from_secs(2);

/// How long one answer may take, a new connection included.
const ANSWER: Duration = Duration::from_secs(4);

/// The probe; it connects when it runs.
pub struct Probe {
    pool: Pool,
    monitor: Arc<Monitor>,
}

impl Probe {
    /// A probe of this database, which tells the monitor what it finds.
    ///
    /// # Errors
    /// A certificate file that cannot be read.
    pub fn new(settings: &DatabaseSettings, monitor: Arc<Monitor>) -> anyhow::Result<Self> {
        Ok(Self { pool: pool::aside(settings)?, monitor })
    }

    /// Asks for as long as it is polled. The lanes say in the log what is wrong; here it is only kept.
    pub async fn run(self) -> Infallible {
        let mut connection = None;
        let mut since = None;
        loop {
            let answer = tokio::time::timeout(ANSWER, self.is_read_only(&mut connection)).await;
            let found = match answer {
                Ok(Ok(false)) => Ok(*since.get_or_insert_with(Instant::now)),
                Ok(Ok(true)) => Err(Unavailable::ReadOnly),
                Ok(Err(fault)) => Err(Unavailable::Unreachable(clean_text(&fault.to_string()))),
                Err(_) => Err(Unavailable::Unreachable(format!("no answer within {ANSWER:?}"))),
            };
            if found.is_err() {
                since = None;
            }
            self.monitor.observations.database.set(found);
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Asks once. Whatever ends it without an answer takes the connection along: what is given up may still run there,
    /// and has changed nothing.
    async fn is_read_only(&self, kept: &mut Option<ClientWrapper>) -> Result<bool, Fault> {
        let connection = match kept.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => Object::take(self.pool.get().await?),
        };
        let rows = statement!("database_probe.sql").query(&connection, &[]).await?;
        let read_only = rows.first().map_or(Ok(true), |row| row.try_get(0))?;
        *kept = Some(connection);
        Ok(read_only)
    }
}
