//! Tries again what waits, as it falls due. One connection at a time, so that live records keep the others.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Ending;
use crate::backoff::Backoff;
use crate::lane::{Route, Shared};
use crate::store::held::Claim;
use crate::store::{Cause, Fault};

/// How often the sweeper looks for what has become due, where nothing wakes it.
const INTERVAL: Duration = Duration::from_millis(500);

/// The most records of one transaction.
const MOST: usize = 500;

/// Looks after the records that wait. Any number of workers may: each passes over what another one has taken up.
pub struct Sweeper {
    /// What all parts share.
    pub shared: Arc<Shared>,
    /// Each topic and its handler.
    pub routes: Arc<[Route]>,
}

impl Sweeper {
    /// Runs until it is asked to stop; a transaction in flight is finished.
    ///
    /// # Errors
    /// The fatal fault that halts the worker.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), Cause> {
        let mut faults = Faults::default();
        while !*stop.borrow() {
            let wait = match self.sweep().await {
                Ok(claimed) => {
                    faults.over();
                    // There may be more of what is due.
                    if claimed > 0 { Duration::ZERO } else { INTERVAL }
                }
                Err(fault) => faults.next(fault, &self.shared)?,
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => {}
                () = self.shared.woken.notified(), if faults.backoff.is_none() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        Ok(())
    }

    /// Tries what is due, topic by topic, and tells how many records that were.
    async fn sweep(&self) -> Result<usize, Fault> {
        let mut claimed = 0;
        for route in &*self.routes {
            claimed += route.retry(&self.shared, Claim::Due(MOST), Ending::Commit).await?.len();
        }
        Ok(claimed)
    }
}

/// The faults that the sweeper meets in a row.
#[derive(Default)]
struct Faults {
    backoff: Option<Backoff>,
    stale: bool,
}

impl Faults {
    fn next(&mut self, fault: Fault, shared: &Shared) -> Result<Duration, Cause> {
        let cause = match fault {
            Fault::Fatal(cause) | Fault::Record(cause) | Fault::Recorded(cause) => return Err(cause),
            // Twice in a row, the second time prepared anew: the schema does not fit this binary.
            Fault::StaleStatement(cause) if self.stale => return Err(cause),
            Fault::StaleStatement(cause) => {
                self.stale = true;
                shared.pool.manager().statement_caches.clear();
                cause
            }
            Fault::Transient(cause) | Fault::CommitUnknown(cause) => cause,
            Fault::Overtaken => Cause::new("overtaken"),
        };
        let backoff = self.backoff.get_or_insert_with(|| {
            tracing::error!(error = %cause, "held records cannot be tried now; they wait until this passes");
            Backoff::new(Duration::from_millis(200), Duration::from_secs(5))
        });
        Ok(backoff.next())
    }

    fn over(&mut self) {
        self.stale = false;
        if self.backoff.take().is_some() {
            tracing::info!("held records are tried again");
        }
    }
}
