//! The truth tables.

use std::time::SystemTime;

use super::*;
use crate::monitor::Trouble;
use crate::record::Partition;

const LIMIT: Duration = Duration::from_mins(3);
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_mins(6);

/// What is the case, the facts, what speaks against life, and what against readiness.
type Case = (&'static str, Facts, &'static [&'static str], &'static [&'static str]);

fn assert_each<const COUNT: usize>(table: [Case; COUNT]) {
    let words = |reasons: &[Reason]| reasons.iter().map(|reason| reason.reason).collect::<Vec<_>>();
    for (what, facts, life, readiness) in table {
        assert_eq!(words(&against_life(&facts)), life, "{what}");
        assert_eq!(words(&against_readiness(&facts)), readiness, "{what}");
    }
}

/// A worker as it should be: a lane with nothing to do, and one at work.
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

/// The same, and PostgreSQL does not answer.
fn without_database(facts: Facts) -> Facts {
    Facts { database: Some(Err(Unavailable::Unreachable("refused".into()))), ..facts }
}

#[test]
fn what_the_world_does_costs_readiness_and_never_life() {
    let read_only = Some(Err(Unavailable::ReadOnly));
    let missing = Some(Ok(vec!["a".into(), "b".into()]));
    let refused = || Some(Err("refused".into()));
    assert_each([
        ("as it should be", sound(), &[], &[]),
        ("a spare worker", Facts { lanes: vec![], ..sound() }, &[], &[]),
        ("not in the group", Facts { joined: false, ..sound() }, &[], &["not_assigned"]),
        ("database down", without_database(sound()), &[], &["database_unreachable"]),
        ("database unknown", Facts { database: None, ..sound() }, &[], &["database_unreachable"]),
        ("read-only", Facts { database: read_only, ..sound() }, &[], &["database_read_only"]),
        (
            "brokers down",
            Facts { brokers: refused(), joined: false, ..sound() },
            &[],
            &["brokers_unreachable"],
        ),
        ("brokers unknown", Facts { brokers: None, ..sound() }, &[], &["brokers_unreachable"]),
        ("topics missing", Facts { brokers: missing, ..sound() }, &[], &["topic_missing", "topic_missing"]),
        (
            "both down",
            without_database(Facts { brokers: refused(), ..sound() }),
            &[],
            &["database_unreachable", "brokers_unreachable"],
        ),
    ]);
}

#[test]
fn a_worker_that_starts_or_stops_is_not_ready_and_lives() {
    let starting = || Facts {
        phase: Phase::Starting,
        silent_polling: None,
        brokers: None,
        joined: false,
        lanes: vec![],
        ..sound()
    };
    let stopping = || Facts { phase: Phase::Stopping, ..with_lane(LaneState::Applying, LONG, LONG) };
    assert_each([
        ("waiting for PostgreSQL", without_database(starting()), &[], &["starting", "database_unreachable"]),
        ("migrating", starting(), &[], &["starting"]),
        ("stopping", stopping(), &[], &["stopping"]),
        ("stopping without a database", without_database(stopping()), &[], &["stopping"]),
    ]);
}

#[test]
fn only_what_has_not_moved_at_all_while_the_database_answered_costs_life() {
    use LaneState::{Applying, Halted, Paused, Starting, Waiting};
    const STALLED: &[&str] = &["lane_stalled"];
    let silent = || Facts { silent_polling: Some(LONG), ..sound() };
    let just_back = Facts { database: Some(Ok(SHORT)), ..with_lane(Applying, LONG, LONG) };
    let impatient = Facts { stall_limit: SHORT, ..with_lane(Waiting, LIMIT, LIMIT) };
    assert_each([
        ("polls no more", Facts { silent_polling: None, ..sound() }, &[], &[]),
        ("polling silent", silent(), &["polling_stalled"], &["polling_stalled"]),
        (
            "polling silent in an outage",
            without_database(silent()),
            &["polling_stalled"],
            &["database_unreachable", "polling_stalled"],
        ),
        ("wedged in a batch", with_lane(Applying, LONG, LONG), STALLED, STALLED),
        ("wedged before a batch", with_lane(Waiting, LONG, LONG), STALLED, STALLED),
        ("wedged at its start", with_lane(Starting, LONG, LONG), STALLED, STALLED),
        ("wedged between two tries", with_lane(Paused, SHORT, LONG), STALLED, STALLED),
        ("at work for long", with_lane(Applying, LONG, SHORT), &[], &[]),
        ("a connection comes late, at a short limit", impatient, &[], &[]),
        ("an outage that is just over", just_back, &[], &[]),
        (
            "still in an outage",
            without_database(with_lane(Applying, LONG, LONG)),
            &[],
            &["database_unreachable"],
        ),
        ("waits for a person", with_lane(Halted, LONG, LONG), &[], &["lane_halted"]),
    ]);
}

#[test]
fn a_lane_that_lasts_in_trouble_costs_readiness() {
    use LaneState::{DeadLimit, Halted, Paused};
    assert_each([
        ("behind a lock, at first", with_lane(Paused, SHORT, SHORT), &[], &[]),
        ("behind a lock, for long", with_lane(Paused, LONG, SHORT), &[], &["lane_paused"]),
        ("past its limit", with_lane(DeadLimit, SHORT, SHORT), &[], &["lane_past_dead_limit"]),
        ("halted", with_lane(Halted, SHORT, SHORT), &[], &["lane_halted"]),
    ]);
}

#[test]
fn a_reason_names_the_lane_how_long_and_why() {
    let stalled = &against_life(&with_lane(LaneState::Applying, LONG, LONG))[0];
    assert_eq!((stalled.topic.as_deref(), stalled.partition), (Some("bookings"), Some(3)));
    assert_eq!(
        stalled.to_string(),
        "lane_stalled: bookings/3: no progress for 360 s (applying), though PostgreSQL answers; its oldest unapplied \
         record is 360 s old"
    );
    let paused = &against_readiness(&with_lane(LaneState::Paused, LONG, SHORT))[0];
    assert_eq!(paused.to_string(), "lane_paused: bookings/3: paused for 360 s: out of luck");
}
