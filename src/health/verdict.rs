//! What speaks against the worker's life and against its readiness: a function of the facts, and nothing else.
//!
//! | reason | life | readiness | what it means |
//! |---|---|---|---|
//! | `lane_stalled` | x | x | a lane has not moved for longer than `LANE_STALL_LIMIT`, and the database has answered all the while |
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

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::facts::{Facts, LaneFacts};
use crate::monitor::{LaneState, Phase, Unavailable};
use crate::record::clean_text;

/// How long a lane may pause before the worker counts as not ready: a deadlock, a database that starts anew.
const PAUSE: Duration = Duration::from_secs(10);

/// What a lane may need, where nothing is wedged, that has no batch in hand: three waits of a minute each for a
/// connection are the longest (`intake/start.rs`).
const WITHOUT_BATCH: Duration = Duration::from_mins(3);

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
            return Vec::from_iter(
                [Some(Reason::new("starting", message)), against_database(facts)].into_iter().flatten(),
            );
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::monitor::Trouble;
    use crate::record::Partition;

    const LIMIT: Duration = Duration::from_mins(3);
    const SHORT: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_mins(4);

    /// A worker as it should be: two lanes with nothing to do.
    fn sound() -> Facts {
        Facts {
            phase: Phase::Running,
            stall_limit: LIMIT,
            silent_polling: Some(Duration::ZERO),
            database: Some(Ok(LONG)),
            brokers: Some(Ok(Vec::new())),
            joined: true,
            lanes: vec![lane(LaneState::Idle, LONG, LONG), lane(LaneState::Applying, SHORT, SHORT)],
        }
    }

    fn lane(state: LaneState, state_for: Duration, still_for: Duration) -> LaneFacts {
        LaneFacts {
            partition: Partition { topic: "bookings".into(), number: 3 },
            position: Some(7),
            state,
            state_for,
            still_for,
            oldest: Some(LONG),
            trouble: Some(Trouble { at: SystemTime::now(), text: "out of luck".into() }),
        }
    }

    fn with_lane(state: LaneState, state_for: Duration, still_for: Duration) -> Facts {
        Facts { lanes: vec![lane(state, state_for, still_for)], ..sound() }
    }

    fn words(reasons: &[Reason]) -> Vec<&'static str> {
        reasons.iter().map(|reason| reason.reason).collect()
    }

    fn unreachable() -> Option<Result<Duration, Unavailable>> {
        Some(Err(Unavailable::Unreachable("refused".into())))
    }

    #[test]
    fn the_truth_about_life_and_readiness() {
        use LaneState::{Applying, DeadLimit, Halted, Paused, Starting, Waiting};
        let table: [(&str, Facts, &[&str], &[&str]); 27] = [
            ("as it should be", sound(), &[], &[]),
            ("a spare worker", Facts { lanes: vec![], ..sound() }, &[], &[]),
            ("not in the group", Facts { joined: false, lanes: vec![], ..sound() }, &[], &["not_assigned"]),
            ("database down", Facts { database: unreachable(), ..sound() }, &[], &["database_unreachable"]),
            ("database unknown", Facts { database: None, ..sound() }, &[], &["database_unreachable"]),
            (
                "read-only",
                Facts { database: Some(Err(Unavailable::ReadOnly)), ..sound() },
                &[],
                &["database_read_only"],
            ),
            (
                "brokers down",
                Facts { brokers: Some(Err("refused".into())), joined: false, ..sound() },
                &[],
                &["brokers_unreachable"],
            ),
            ("brokers unknown", Facts { brokers: None, ..sound() }, &[], &["brokers_unreachable"]),
            (
                "topics missing",
                Facts { brokers: Some(Ok(vec!["a".into(), "b".into()])), ..sound() },
                &[],
                &["topic_missing", "topic_missing"],
            ),
            (
                "both down",
                Facts { database: unreachable(), brokers: None, ..sound() },
                &[],
                &["database_unreachable", "brokers_unreachable"],
            ),
            (
                "waiting for PostgreSQL at start",
                Facts {
                    phase: Phase::Starting,
                    database: unreachable(),
                    brokers: None,
                    joined: false,
                    ..sound()
                },
                &[],
                &["starting", "database_unreachable"],
            ),
            ("migrating", Facts { phase: Phase::Starting, ..sound() }, &[], &["starting"]),
            (
                "stopping, whatever else",
                Facts { phase: Phase::Stopping, database: unreachable(), ..with_lane(Applying, LONG, LONG) },
                &[],
                &["stopping"],
            ),
            ("polls no more", Facts { silent_polling: None, ..sound() }, &[], &[]),
            (
                "polling silent",
                Facts { silent_polling: Some(LONG), ..sound() },
                &["polling_stalled"],
                &["polling_stalled"],
            ),
            (
                "polling silent in an outage",
                Facts { silent_polling: Some(LONG), database: unreachable(), ..sound() },
                &["polling_stalled"],
                &["database_unreachable", "polling_stalled"],
            ),
            ("a wedged lane", with_lane(Applying, LONG, LONG), &["lane_stalled"], &["lane_stalled"]),
            ("a lane at work for long", with_lane(Applying, LONG, SHORT), &[], &[]),
            (
                "a lane that waits in vain",
                with_lane(Waiting, LONG, LONG),
                &["lane_stalled"],
                &["lane_stalled"],
            ),
            (
                "a lane that never starts",
                with_lane(Starting, LONG, LONG),
                &["lane_stalled"],
                &["lane_stalled"],
            ),
            (
                "an outage that is just over",
                Facts { database: Some(Ok(SHORT)), ..with_lane(Applying, LONG, LONG) },
                &[],
                &[],
            ),
            (
                "still in an outage",
                Facts { database: unreachable(), ..with_lane(Applying, LONG, LONG) },
                &[],
                &["database_unreachable"],
            ),
            ("behind a lock, at first", with_lane(Paused, SHORT, SHORT), &[], &[]),
            ("behind a lock, for long", with_lane(Paused, LONG, SHORT), &[], &["lane_paused"]),
            ("past its limit", with_lane(DeadLimit, LONG, SHORT), &[], &["lane_past_dead_limit"]),
            ("halted", with_lane(Halted, LONG, LONG), &[], &["lane_halted"]),
            (
                "connections that come late, at a short limit",
                Facts {
                    stall_limit: SHORT,
                    ..with_lane(Waiting, Duration::from_mins(1), Duration::from_mins(1))
                },
                &[],
                &[],
            ),
        ];
        for (what, facts, life, readiness) in table {
            assert_eq!(words(&against_life(&facts)), life, "{what}");
            assert_eq!(words(&against_readiness(&facts)), readiness, "{what}");
        }
    }

    #[test]
    fn a_reason_names_the_lane_how_long_and_why() {
        let stalled = &against_life(&with_lane(LaneState::Applying, LONG, LONG))[0];
        assert_eq!((stalled.topic.as_deref(), stalled.partition), (Some("bookings"), Some(3)));
        assert_eq!(
            stalled.to_string(),
            "lane_stalled: bookings/3: no progress for 240 s (applying), though PostgreSQL answers; its oldest \
             unapplied record is 240 s old"
        );
        let paused = &against_readiness(&with_lane(LaneState::Paused, LONG, SHORT))[0];
        assert_eq!(paused.to_string(), "lane_paused: bookings/3: paused for 240 s: out of luck");
    }
}
