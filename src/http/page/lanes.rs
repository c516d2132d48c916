//! The rows of the lanes.

use std::sync::Arc;

use super::UNKNOWN;
use super::words::{clock, count, duration};
use crate::monitor::{LaneState, LaneStatus, Monitor, lag};
use crate::record::Partition;
use crate::terminal::harmless;

/// One lane.
pub(super) struct Lane {
    pub(super) partition: String,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    pub(super) state_for: String,
    pub(super) lag: String,
    pub(super) oldest: String,
    pub(super) position: String,
    pub(super) trouble: String,
}

/// All lanes of this worker.
pub(super) fn all(monitor: &Monitor) -> Vec<Lane> {
    let ends = monitor.observations.ends.get().unwrap_or_default();
    let lane = |(partition, status): (Partition, Arc<LaneStatus>)| {
        let end = ends.get(&partition).copied();
        Lane::of(&partition, &status, end)
    };
    monitor.lanes.all().into_iter().map(lane).collect()
}

impl Lane {
    fn of(partition: &Partition, status: &LaneStatus, end: Option<i64>) -> Self {
        let (state, position) = (status.state(), status.position());
        Self {
            partition: partition.to_string(),
            state: words(state),
            tone: match state {
                LaneState::DeadLimit | LaneState::Halted => "bad",
                LaneState::Paused => "warning",
                _ => "",
            },
            state_for: duration(status.state_for()),
            lag: lag(position, end).map_or_else(|| UNKNOWN.to_owned(), count),
            oldest: status.oldest_age().map(duration).unwrap_or_default(),
            position: position.map_or_else(|| UNKNOWN.to_owned(), count),
            trouble: status.trouble().map_or_else(String::new, |trouble| {
                format!("{} {}", clock(trouble.at), harmless(&trouble.text))
            }),
        }
    }
}

fn words(state: LaneState) -> &'static str {
    match state {
        LaneState::DeadLimit => "past its limit of dead records",
        state => state.name(),
    }
}
