//! Asks the database, now and then, for what no part of this worker knows: what its group has set aside and has not
//! published. The answers are the monitor's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::fault::Fault;
use crate::metrics::measured;
use crate::monitor::HeldCount;
use crate::shared::Shared;
use crate::statement::statement;
use crate::store::Transaction;

/// How often it asks.
const INTERVAL: Duration = Duration::from_secs(10);

/// The longest that it does not ask, however dear the answers are: below what they count for.
const LONGEST: Duration = Duration::from_mins(1);

/// It rests so many times as long as the answers took: a hundredth of one connection, and of the server's work for it.
const REST: u32 = 100;

/// How many rows it counts of what is not published.
const MOST: i64 = 100_000;

/// Observes for as long as the worker runs. Every worker of a group has the same answers.
pub struct Observer {
    /// What all parts share.
    pub shared: Arc<Shared>,
}

impl Observer {
    /// Runs until it is asked to stop. Whatever goes wrong, the answers are unknown after a while, and no more.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut failed = false;
        while !*stop.borrow() {
            let begun = Instant::now();
            match self.look().await {
                Ok(()) => failed = false,
                Err(fault) => {
                    if let Fault::StaleStatement(_) = fault {
                        self.shared.pool.manager().statement_caches.clear();
                    }
                    if !std::mem::replace(&mut failed, true) {
                        tracing::warn!(error = %fault, "held records and unpublished outcomes cannot be counted now");
                    }
                }
            }
            let rest = (begun.elapsed() * REST).clamp(INTERVAL, LONGEST);
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), Fault> {
        let group = &*self.shared.group;
        let connection = measured("connection", self.shared.pool.get()).await?;
        let look = Transaction::look(connection);
        let held = look.read(statement!("held_counts.sql"), &[&group]).await?;
        let backlog = look.read(statement!("relay_backlog.sql"), &[&group, &MOST]).await?;
        look.rollback().await;
        let count = |row: &tokio_postgres::Row| -> Result<HeldCount, Fault> {
            Ok(HeldCount { status: row.try_get(0)?, reason: row.try_get(1)?, records: row.try_get(2)? })
        };
        let observations = &self.shared.monitor.observations;
        observations.held.set(held.iter().map(count).collect::<Result<_, Fault>>()?);
        match backlog.first() {
            Some(row) => observations.relay_backlog.set(row.try_get(0)?),
            None => observations.relay_backlog.forget(),
        }
        Ok(())
    }
}
