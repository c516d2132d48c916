//! Whether the worker lives, whether it is ready, and everything it knows of itself.
//!
//! `facts` are gathered from the monitor; `verdict` judges them, and does nothing else; `report` writes all of it down.
//! `probe` asks the database for the facts that the lanes cannot tell, `command` asks a running worker.

mod command;
mod facts;
mod probe;
mod report;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use crate::monitor::Monitor;
use crate::store::Pool;
use facts::Facts;

pub use command::{Arguments, check};
pub use probe::Probe;
pub use report::Report;
pub use verdict::Reason;

/// What health is judged by.
pub struct Health {
    /// What the worker knows of itself.
    pub monitor: Arc<Monitor>,
    /// The lanes' connections.
    pub pool: Pool,
    /// The consumer group.
    pub group: String,
    /// How long a lane may stand still over records.
    pub stall_limit: Duration,
}

impl Health {
    /// Why the worker is to be started anew; nothing where it is not.
    #[must_use]
    pub fn against_life(&self) -> Vec<Reason> {
        verdict::against_life(&self.facts())
    }

    /// Why the worker cannot do its work; nothing where it can.
    #[must_use]
    pub fn against_readiness(&self) -> Vec<Reason> {
        verdict::against_readiness(&self.facts())
    }

    /// Everything, for a person.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(self, &self.facts())
    }

    fn facts(&self) -> Facts {
        Facts::of(&self.monitor, self.stall_limit)
    }
}
