//! What the relay does about the database's faults: says so once, waits, and begins again.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::store::{Cause, Fault};

/// The faults that the relay meets in a row.
#[derive(Default)]
pub(super) struct Faults {
    backoff: Option<Backoff>,
    stale: bool,
}

impl Faults {
    /// How long to wait before the relay begins again, on a new connection.
    ///
    /// # Errors
    /// The cause, where no waiting mends it.
    pub(super) fn next(&mut self, fault: Fault) -> Result<Duration, Cause> {
        let cause = match fault {
            Fault::Fatal(cause) | Fault::Record(cause) | Fault::Recorded(cause) => return Err(cause),
            // Twice in a row, the second time prepared anew: the schema does not fit this binary.
            Fault::StaleStatement(cause) if self.stale => return Err(cause),
            Fault::StaleStatement(cause) => {
                self.stale = true;
                cause
            }
            Fault::Transient(cause) | Fault::CommitUnknown(cause) => cause,
            Fault::Overtaken => Cause::new("another relay has moved the cursor"),
        };
        let backoff = self.backoff.get_or_insert_with(|| {
            tracing::error!(
                error = %cause,
                "outcomes cannot be published now; they wait in the ledger until this passes"
            );
            Backoff::new(Duration::from_millis(200), Duration::from_secs(5))
        });
        Ok(backoff.next())
    }

    /// It works.
    pub(super) fn over(&mut self) {
        self.stale = false;
        if self.backoff.take().is_some() {
            tracing::info!("the relay of outcomes is connected again");
        }
    }
}
