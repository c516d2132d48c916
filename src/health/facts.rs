//! The facts that health is judged by, as they are at one moment.

use std::sync::Arc;
use std::time::Duration;

use crate::monitor::{LaneState, LaneStatus, Monitor, Phase, Trouble, Unavailable};
use crate::record::Partition;

/// What is known at one moment. What is not known is none.
pub(super) struct Facts {
    pub(super) phase: Phase,
    pub(super) stall_limit: Duration,
    /// How long ago the polling thread was last alive; none where it is not meant to poll.
    pub(super) silent_polling: Option<Duration>,
    /// For how long PostgreSQL has answered and taken writes; else why it cannot be used.
    pub(super) database: Option<Result<Duration, Unavailable>>,
    /// The topics that the brokers do not have; else why the brokers do not answer.
    pub(super) brokers: Option<Result<Vec<Arc<str>>, String>>,
    pub(super) joined: bool,
    pub(super) lanes: Vec<LaneFacts>,
}

/// What one lane says of itself.
pub(super) struct LaneFacts {
    pub(super) partition: Partition,
    pub(super) position: Option<i64>,
    pub(super) state: LaneState,
    pub(super) state_for: Duration,
    pub(super) still_for: Duration,
    /// The age of the oldest record that has arrived and is not applied.
    pub(super) oldest: Option<Duration>,
    pub(super) trouble: Option<Trouble>,
}

impl Facts {
    pub(super) fn of(monitor: &Monitor, stall_limit: Duration) -> Self {
        let observations = &monitor.observations;
        Self {
            phase: monitor.phase(),
            stall_limit,
            silent_polling: monitor.silent_polling(),
            database: observations.database.get().map(|found| found.map(|since| since.elapsed())),
            brokers: observations.brokers.get(),
            joined: monitor.is_assigned(),
            lanes: monitor
                .lanes
                .all()
                .into_iter()
                .map(|(partition, lane)| LaneFacts::of(partition, &lane))
                .collect(),
        }
    }
}

impl LaneFacts {
    fn of(partition: Partition, lane: &LaneStatus) -> Self {
        Self {
            partition,
            position: lane.position(),
            state: lane.state(),
            state_for: lane.state_for(),
            still_for: lane.still_for(),
            oldest: lane.oldest_age(),
            trouble: lane.trouble(),
        }
    }
}
