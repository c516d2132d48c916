//! Tries again what waits, as it falls due. One connection at a time, so that live records keep the others.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::fault::{Cause, Fault};
use crate::recovery::Recovery;
use crate::retry::{Ending, Take};
use crate::route::Route;
use crate::shared::Shared;
use crate::store::held::Claim;

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
        let mut faults = Recovery::new(
            self.shared.metrics.clone(),
            "held records cannot be tried now; they wait until this passes",
            "held records are tried again",
        );
        while !*stop.borrow() {
            let wait = match self.sweep().await {
                Ok(claimed) => {
                    faults.over();
                    // There may be more of what is due.
                    if claimed > 0 { Duration::ZERO } else { INTERVAL }
                }
                Err(fault) => {
                    if let Fault::StaleStatement(_) = fault {
                        self.shared.pool.manager().statement_caches.clear();
                    }
                    faults.next(fault)?
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => {}
                () = self.shared.woken.notified(), if !faults.are_met() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        Ok(())
    }

    /// Tries what is due, topic by topic, and tells how many records that were.
    async fn sweep(&self) -> Result<usize, Fault> {
        let mut claimed = 0;
        for route in &*self.routes {
            claimed += route.retry(&self.shared, Take::Held(Claim::Due(MOST)), Ending::Commit).await?.len();
        }
        Ok(claimed)
    }
}
