//! What a booking event amounts to, given what PostgreSQL knows. Pure: no database here.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::event::BookingEvent;
use crate::outcome::{Decision, Outcome};
use crate::store::{Cause, Fault};

/// The rows that an event's references led to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) user: Option<i32>,
    pub(super) room: Option<i32>,
}

/// A booking's content: what makes two events of one booking the same or contrary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) user: Option<i32>,
    pub(super) room: Option<i32>,
    pub(super) guests: Option<i32>,
    pub(super) start: Option<Date>,
    pub(super) end: Option<Date>,
    pub(super) payment: Option<String>,
}

impl Stay {
    fn of(event: &BookingEvent, found: Found) -> Self {
        Self {
            user: found.user,
            room: found.room,
            guests: Some(event.guests),
            start: Some(event.start),
            end: Some(event.end),
            payment: event.payment.clone(),
        }
    }
}

/// Which event of a batch is the first of its booking that can be created.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Firsts {
    /// For each event the index of its booking's first; none for an event whose user or room is unknown.
    pub(super) of: Vec<Option<usize>>,
    /// The firsts, ordered by booking id: two lanes that meet the same bookings take their locks in one order.
    pub(super) distinct: Vec<usize>,
}

/// Folds a batch to the first creatable event of each booking.
pub(super) fn firsts(events: &[&BookingEvent], found: &[Found]) -> Firsts {
    let mut order: Vec<usize> = (0..events.len())
        .filter(|&index| found[index].user.is_some() && found[index].room.is_some())
        .collect();
    order.sort_unstable_by(|&a, &b| events[a].booking_id.cmp(&events[b].booking_id).then(a.cmp(&b)));
    let mut of = vec![None; events.len()];
    let mut distinct: Vec<usize> = Vec::with_capacity(order.len());
    for index in order {
        match distinct.last() {
            Some(&first) if events[first].booking_id == events[index].booking_id => of[index] = Some(first),
            _ => {
                distinct.push(index);
                of[index] = Some(index);
            }
        }
    }
    Firsts { of, distinct }
}

/// Decides about each event, in order.
///
/// `created` are the ids of the bookings that this batch created; `existing` holds those that stood before.
pub(super) fn decide(
    events: &[&BookingEvent],
    found: &[Found],
    firsts: &Firsts,
    created: &[String],
    existing: &HashMap<String, Stay>,
) -> Result<Vec<Decision>, Fault> {
    let all_created = created.len() == firsts.distinct.len();
    let created: HashSet<&str> =
        if all_created { HashSet::new() } else { created.iter().map(String::as_str).collect() };
    let decide = |(index, event): (usize, &&BookingEvent)| {
        let Some(first) = firsts.of[index] else {
            let reason = if found[index].user.is_none() { "unknown_user" } else { "unknown_room" };
            return Ok(Outcome::Held(reason).into());
        };
        if all_created || created.contains(&*event.booking_id) {
            if first == index {
                return Ok(Outcome::Applied("accepted").into());
            }
            let stay = Stay::of(events[first], found[first]);
            return Ok(compare(&stay, event, found[index]).into());
        }
        match existing.get(&event.booking_id) {
            Some(stay) => Ok(compare(stay, event, found[index]).into()),
            // It stood in the way of the insert and is gone now: deleted in between, so try the batch again.
            None => Err(Fault::Transient(Cause::new(format!(
                "booking {:?} was deleted while it was compared",
                event.booking_id
            )))),
        }
    };
    events.iter().enumerate().map(decide).collect()
}

fn compare(stay: &Stay, event: &BookingEvent, found: Found) -> Outcome {
    if *stay == Stay::of(event, found) {
        Outcome::Duplicate
    } else {
        Outcome::Rejected("conflicting_booking")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const KNOWN: Found = Found { user: Some(1), room: Some(2) };
    const NOBODY: Found = Found { user: None, room: Some(2) };

    fn event(id: &str, guests: i32) -> BookingEvent {
        BookingEvent {
            booking_id: id.into(),
            user: "ana".into(),
            room: "r1".into(),
            guests,
            start: date(2025, 1, 1),
            end: date(2025, 1, 2),
            payment: None,
        }
    }

    fn outcomes(
        events: &[BookingEvent],
        found: &[Found],
        created: &[&str],
        existing: &[&BookingEvent],
    ) -> Vec<&'static str> {
        let events: Vec<&BookingEvent> = events.iter().collect();
        let created: Vec<String> = created.iter().map(|&id| id.into()).collect();
        let existing =
            existing.iter().map(|event| (event.booking_id.clone(), Stay::of(event, KNOWN))).collect();
        let firsts = firsts(&events, found);
        match decide(&events, found, &firsts, &created, &existing) {
            Ok(decisions) => decisions.iter().map(|decision| decision.outcome.name()).collect(),
            Err(fault) => panic!("{fault}"),
        }
    }

    #[test]
    fn the_first_creatable_event_of_a_booking_wins_and_the_rest_are_compared_with_it() {
        let events = [event("b", 1), event("a", 2), event("b", 1), event("b", 3)];
        let found = outcomes(&events, &[KNOWN; 4], &["a", "b"], &[]);
        assert_eq!(found, ["accepted", "accepted", "duplicate", "rejected"]);
    }

    #[test]
    fn an_event_whose_user_is_unknown_does_not_stand_in_the_way_of_the_next() {
        let events = [event("b", 1), event("b", 1), event("b", 1)];
        let found = outcomes(&events, &[NOBODY, KNOWN, KNOWN], &["b"], &[]);
        assert_eq!(found, ["held", "accepted", "duplicate"]);
    }

    #[test]
    fn a_booking_that_stood_before_is_what_all_its_events_are_compared_with() {
        let events = [event("b", 9), event("b", 1), event("a", 1)];
        let found = outcomes(&events, &[KNOWN; 3], &["a"], &[&event("b", 1)]);
        assert_eq!(found, ["rejected", "duplicate", "accepted"]);
    }

    #[test]
    fn locks_are_taken_in_the_order_of_booking_ids() {
        let events = [event("c", 1), event("a", 1), event("b", 1), event("a", 1)];
        let events: Vec<&BookingEvent> = events.iter().collect();
        assert_eq!(firsts(&events, &[KNOWN; 4]).distinct, [1, 2, 0]);
    }

    #[test]
    fn a_booking_deleted_in_between_is_a_fault_and_no_outcome() {
        let event = event("b", 1);
        let events = [&event];
        let firsts = firsts(&events, &[KNOWN]);
        let decided = decide(&events, &[KNOWN], &firsts, &[], &HashMap::new());
        assert!(matches!(decided, Err(Fault::Transient(_))));
    }
}
