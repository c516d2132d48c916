//! All that the worker knows of itself, for a person or a script. What is not known is null.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use super::Health;
use super::facts::{Facts, LaneFacts};
use super::verdict::{self, Reason};
use crate::monitor::{HeldCount, Phase, Trouble, lag};
use crate::record::clean_text;

/// What `/health/detailed` says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    version: &'static str,
    started_at: Option<Timestamp>,
    uptime_seconds: u64,
    phase: &'static str,
    group: String,
    live: Verdict,
    ready: Verdict,
    lanes: Vec<Lane>,
    pool: Pool,
    held: Option<Held>,
    relay_backlog: Option<i64>,
}

#[derive(Serialize)]
struct Verdict {
    holds: bool,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lane {
    topic: String,
    partition: i32,
    position: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    state: &'static str,
    state_seconds: f64,
    /// How long ago it last did anything.
    still_seconds: f64,
    oldest_unapplied_seconds: Option<f64>,
    last_error: Option<LastError>,
}

#[derive(Serialize)]
struct LastError {
    at: Option<Timestamp>,
    message: String,
}

/// The lanes' connections.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pool {
    /// How many there may be.
    max: usize,
    open: usize,
    in_use: usize,
    /// How many lanes wait for one.
    waiting: usize,
}

/// How many records are set aside, by reason.
#[derive(Serialize, Default)]
struct Held {
    waiting: BTreeMap<String, i64>,
    dead: BTreeMap<String, i64>,
}

impl Report {
    pub(super) fn of(health: &Health, facts: &Facts) -> Self {
        let monitor = &health.monitor;
        let observations = &monitor.observations;
        let ends = observations.ends.get().unwrap_or_default();
        let status = health.pool.status();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at: timestamp(monitor.begun_at),
            uptime_seconds: monitor.begun.elapsed().as_secs(),
            phase: match facts.phase {
                Phase::Starting => "starting",
                Phase::Running => "running",
                Phase::Stopping => "stopping",
            },
            group: health.group.clone(),
            live: Verdict::of(verdict::against_life(facts)),
            ready: Verdict::of(verdict::against_readiness(facts)),
            lanes: facts
                .lanes
                .iter()
                .map(|lane| Lane::of(lane, ends.get(&lane.partition).copied()))
                .collect(),
            pool: Pool {
                max: status.max_size,
                open: status.size,
                in_use: status.size.saturating_sub(status.available),
                waiting: status.waiting,
            },
            held: observations.held.get().map(Held::of),
            relay_backlog: observations.relay_backlog.get(),
        }
    }
}

impl Verdict {
    fn of(reasons: Vec<Reason>) -> Self {
        Self { holds: reasons.is_empty(), reasons }
    }
}

impl Lane {
    fn of(lane: &LaneFacts, end: Option<i64>) -> Self {
        Self {
            topic: lane.partition.topic.as_ref().to_owned(),
            partition: lane.partition.number,
            position: lane.position,
            end,
            lag: lag(lane.position, end),
            state: lane.state.name(),
            state_seconds: seconds(lane.state_for),
            still_seconds: seconds(lane.still_for),
            oldest_unapplied_seconds: lane.oldest.map(seconds),
            last_error: lane.trouble.as_ref().map(LastError::of),
        }
    }
}

impl LastError {
    fn of(trouble: &Trouble) -> Self {
        Self { at: timestamp(trouble.at), message: clean_text(&trouble.text) }
    }
}

impl Held {
    fn of(counts: Vec<HeldCount>) -> Self {
        let mut held = Self::default();
        for HeldCount { status, reason, records } in counts {
            let of_status = if status == "dead" { &mut held.dead } else { &mut held.waiting };
            of_status.insert(reason, records);
        }
        held
    }
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).as_secs_f64()
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let time = Timestamp::try_from(time).ok()?;
    time.round(jiff::Unit::Millisecond).ok()
}
