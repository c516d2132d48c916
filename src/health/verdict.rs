//! What speaks against the worker's life and against its readiness: a function of the facts, and nothing else.
//!
//! | reason | life | readiness | what it means |
//! |---|---|---|---|
//! | `lane_stalled` | x | x | a lane has not moved for longer than `LANE_STALL_LIMIT` (without a batch in hand, not below five minutes), and the database has answered all the while |
//! | `polling_stalled` | x | x | nor has the thread that polls Kafka |
//! | `starting` | | x | the worker waits for PostgreSQL, or brings its schema up to date |
//! | `stopping` | | x | it was asked to stop |
//! | `database_unreachable`, `database_read_only` | | x | PostgreSQL does not answer, or takes no writes |
//! | `brokers_unreachable` | | x | Kafka does not answer |
//! | `topic_missing` | | x | Kafka answers, and has no such topic |
//! | `not_assigned` | | x | Kafka answers, and the group has not given this worker its share, be it none |
//! | `lane_halted` | | x | a position does not fit its topic: a person must look |
//! | `lane_past_dead_limit` | | x | one more dead record would pass a limit: a person must look |
//! | `lane_paused` | | x | a fault of the world lasts |

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::facts::{Facts, LaneFacts};
use crate::monitor::{LaneState, Phase, Unavailable};
use crate::record::clean_text;

/// How long a lane may pause before the worker counts as not ready: a deadlock, a database that starts anew.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a lane may stand still at least that has no batch in hand. The most that it may need where nothing is
/// wedged is at its start (`intake/start.rs`): three waits of a minute each for a connection, and as many statements.
const WITHOUT_BATCH: Duration = Duration::from_mins(5);

/// One thing that speaks against the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// One of the words above.
    pub reason: &'static str,
    /// The same for a person.
    pub message: String,
    /// The topic that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
}

impl Reason {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), topic: None, partition: None }
    }

    fn of_topic(reason: &'static str, topic: &Arc<str>, message: String) -> Self {
        Self { topic: Some(topic.as_ref().to_owned()), ..Self::new(reason, message) }
    }

    fn of_lane(reason: &'static str, lane: &LaneFacts, message: &str) -> Self {
        let message = format!("{}: {message}", lane.partition);
        let partition = Some(lane.partition.number);
        Self { partition, ..Self::of_topic(reason, &lane.partition.topic, message) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason, self.message)
    }
}

/// Why the worker is to be started anew. An outage of Kafka or PostgreSQL is no reason: nothing would be gained.
pub(super) fn against_life(facts: &Facts) -> Vec<Reason> {
    if facts.phase != Phase::Running {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    if let Some(silent) = facts.silent_polling.filter(|silent| *silent > facts.stall_limit) {
        let message = format!("the thread that polls Kafka has not been alive for {}", seconds(silent));
        reasons.push(Reason::new("polling_stalled", message));
    }
    // An outage that is just over is no lane's fault: its time counts from then on.
    if let Some(Ok(answering)) = facts.database {
        reasons.extend(facts.lanes.iter().filter_map(|lane| stalled(lane, answering, facts.stall_limit)));
    }
    reasons
}

fn stalled(lane: &LaneFacts, database_answers: Duration, limit: Duration) -> Option<Reason> {
    let limit = match lane.state {
        LaneState::Idle | LaneState::DeadLimit | LaneState::Halted => return None,
        LaneState::Applying => limit,
        LaneState::Starting | LaneState::Waiting | LaneState::Paused => limit.max(WITHOUT_BATCH),
    };
    if lane.still_for.min(database_answers) <= limit {
        return None;
    }
    let age = lane.oldest.map(|oldest| format!("; its oldest unapplied record is {} old", seconds(oldest)));
    let message = format!(
        "no progress for {} ({}), though PostgreSQL answers{}",
        seconds(lane.still_for),
        lane.state.name(),
        age.unwrap_or_default()
    );
    Some(Reason::of_lane("lane_stalled", lane, &message))
}

/// Why the worker cannot do its work.
pub(super) fn against_readiness(facts: &Facts) -> Vec<Reason> {
    match facts.phase {
        Phase::Stopping => return vec![Reason::new("stopping", "the worker was asked to stop")],
        Phase::Starting => {
            let message = "the worker waits for PostgreSQL, or brings its schema up to date";
            let mut reasons = vec![Reason::new("starting", message)];
            reasons.extend(against_database(facts));
            return reasons;
        }
        Phase::Running => {}
    }
    let mut reasons: Vec<Reason> = against_database(facts).into_iter().collect();
    reasons.extend(against_kafka(facts));
    reasons.extend(against_life(facts));
    reasons.extend(facts.lanes.iter().filter_map(against_lane));
    reasons
}

fn against_database(facts: &Facts) -> Option<Reason> {
    match &facts.database {
        Some(Ok(_)) => None,
        Some(Err(why @ Unavailable::ReadOnly)) => Some(Reason::new("database_read_only", why.to_string())),
        Some(Err(Unavailable::Unreachable(message))) => Some(Reason::new("database_unreachable", message)),
        None => Some(Reason::new("database_unreachable", "PostgreSQL has not answered lately")),
    }
}

fn against_kafka(facts: &Facts) -> Vec<Reason> {
    let missing = match &facts.brokers {
        Some(Ok(missing)) => missing,
        Some(Err(message)) => return vec![Reason::new("brokers_unreachable", message)],
        None => return vec![Reason::new("brokers_unreachable", "no broker has answered lately")],
    };
    let mut reasons: Vec<Reason> = missing
        .iter()
        .map(|topic| {
            Reason::of_topic("topic_missing", topic, format!("Kafka has no topic {}", clean_text(topic)))
        })
        .collect();
    if !facts.joined {
        let message = "the group has not given this worker its share of the partitions";
        reasons.push(Reason::new("not_assigned", message));
    }
    reasons
}

fn against_lane(lane: &LaneFacts) -> Option<Reason> {
    match lane.state {
        LaneState::Halted => Some(Reason::of_lane(
            "lane_halted",
            lane,
            "the position lies beyond the topic's end; the log says what to do",
        )),
        LaneState::DeadLimit => Some(Reason::of_lane(
            "lane_past_dead_limit",
            lane,
            &format!(
                "one more dead record would pass a limit; look with `worker held list --status dead --topic {topic}`, \
                 go on with `worker held accept {topic} {number}`",
                topic = lane.partition.topic,
                number = lane.partition.number
            ),
        )),
        LaneState::Paused if lane.state_for > PAUSE => {
            let trouble = lane.trouble.as_ref().map_or_else(String::new, |trouble| clean_text(&trouble.text));
            let message = format!("paused for {}: {trouble}", seconds(lane.state_for));
            Some(Reason::of_lane("lane_paused", lane, &message))
        }
        _ => None,
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
