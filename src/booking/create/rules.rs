//! What a booking event amounts to, given what PostgreSQL knows. Pure: no database here.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::event::BookingEvent;
use super::policy::Refusals;
use crate::batch::QUEUED;
use crate::booking::announcement::Announcement;
use crate::fault::{Cause, Fault};
use crate::outcome::{Decision, Outcome};

/// `bookings.status` of a new booking.
pub(super) const ACCEPTED: &str = "Accepted";

/// `bookings.status` of a new booking that the hotel's rules refuse.
pub(super) const REFUSED: &str = "Refused";

/// The rows that an event's references led to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) user: Option<i32>,
    pub(super) room: Option<i32>,
}

impl Found {
    /// Whether both are known.
    pub(super) fn is_known(self) -> bool {
        self.user.is_some() && self.room.is_some()
    }
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

/// A booking that stood before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booking {
    pub(super) stay: Stay,
    /// `bookings.status`
    pub(super) status: Option<String>,
}

/// Where an event stands among those of its booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first that can be created, or one that comes after it: the first's index.
    First(usize),
    /// Its user or room is unknown, and no booking stands under its id.
    Unknown,
    /// It comes after one whose user or room is unknown: order is kept.
    Behind,
    /// Its user or room is unknown, and a booking stands under its id already.
    Contrary,
}

/// The events of a batch, folded by booking.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Each event's place.
    pub(super) of: Vec<Place>,
    /// The firsts, ordered by booking id: two lanes that meet the same bookings take their locks in one order.
    pub(super) distinct: Vec<usize>,
}

/// Folds a batch by booking. `existing` has the bookings that stand under the ids of events with unknown users
/// or rooms.
pub(super) fn places(
    events: &[&BookingEvent],
    found: &[Found],
    existing: &HashMap<String, Booking>,
) -> Places {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_unstable_by(|&a, &b| events[a].booking_id.cmp(&events[b].booking_id).then(a.cmp(&b)));
    let mut of = vec![Place::Unknown; events.len()];
    let mut distinct: Vec<usize> = Vec::with_capacity(order.len());
    // The place that decides about those after it, of the booking looked at last.
    let mut leader: Option<(usize, Place)> = None;
    for index in order {
        let id = &events[index].booking_id;
        let before = leader.filter(|(first, _)| events[*first].booking_id == *id).map(|(_, place)| place);
        let place = match before {
            Some(Place::First(first)) => Place::First(first),
            Some(Place::Unknown | Place::Behind) => Place::Behind,
            Some(Place::Contrary) | None if found[index].is_known() => {
                distinct.push(index);
                Place::First(index)
            }
            _ if existing.contains_key(id) => Place::Contrary,
            _ => Place::Unknown,
        };
        of[index] = place;
        if before.is_none() || before == Some(Place::Contrary) {
            leader = Some((index, place));
        }
    }
    Places { of, distinct }
}

/// Decides about each event, in order.
///
/// `created` are the ids of the bookings that this batch created, refused ones among them; `existing` holds those
/// that stood before.
pub(super) fn decide(
    events: &[&BookingEvent],
    found: &[Found],
    places: &Places,
    created: &[String],
    refusals: &Refusals,
    existing: &HashMap<String, Booking>,
    announces: bool,
) -> Result<Vec<Decision>, Fault> {
    let all_created = created.len() == places.distinct.len();
    let created: HashSet<&str> =
        if all_created { HashSet::new() } else { created.iter().map(String::as_str).collect() };
    let decide = |(index, event): (usize, &&BookingEvent)| {
        let (outcome, status) = match places.of[index] {
            Place::Unknown if found[index].user.is_none() => (Outcome::Held("unknown_user"), None),
            Place::Unknown => (Outcome::Held("unknown_room"), None),
            Place::Behind => (Outcome::Held(QUEUED), None),
            Place::First(first) if all_created || created.contains(&*event.booking_id) => {
                let refusal = refusals.get(&first);
                let outcome = match refusal {
                    _ if first != index => {
                        compare(&Stay::of(events[first], found[first]), event, found[index])
                    }
                    Some(reason) => Outcome::Rejected(reason),
                    None => Outcome::Applied("accepted"),
                };
                (outcome, Some(if refusal.is_some() { REFUSED } else { ACCEPTED }))
            }
            Place::First(_) | Place::Contrary => {
                let Some(booking) = existing.get(&event.booking_id) else {
                    // It stood in the way of the insert and is gone now: deleted in between, so try again.
                    return Err(Fault::Transient(Cause::new(format!(
                        "booking {:?} was deleted while it was compared",
                        event.booking_id
                    ))));
                };
                (compare(&booking.stay, event, found[index]), booking.status.as_deref())
            }
        };
        let tell = announces && matches!(outcome, Outcome::Applied(_) | Outcome::Rejected(_));
        let announcement = tell.then(|| announcement(event, status)).flatten();
        Ok(Decision { outcome, subject: None, announcement })
    };
    events.iter().enumerate().map(decide).collect()
}

fn announcement(event: &BookingEvent, status: Option<&str>) -> Option<String> {
    let (booking_id, room_id) = (Some(&*event.booking_id), Some(&*event.room));
    Announcement { booking_id, status, user_id: &event.user, room_id }.text()
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

    fn standing(existing: &[&BookingEvent]) -> HashMap<String, Booking> {
        let booking =
            |event: &BookingEvent| Booking { stay: Stay::of(event, KNOWN), status: Some("Cancelled".into()) };
        existing.iter().map(|event| (event.booking_id.clone(), booking(event))).collect()
    }

    fn decisions(
        events: &[BookingEvent],
        found: &[Found],
        created: &[&str],
        existing: &[&BookingEvent],
    ) -> Vec<Decision> {
        let events: Vec<&BookingEvent> = events.iter().collect();
        let created: Vec<String> = created.iter().map(|&id| id.into()).collect();
        let existing = standing(existing);
        let places = places(&events, found, &existing);
        decide(&events, found, &places, &created, &Refusals::new(), &existing, true).unwrap()
    }

    fn outcomes(
        events: &[BookingEvent],
        found: &[Found],
        created: &[&str],
        existing: &[&BookingEvent],
    ) -> Vec<&'static str> {
        let word = |decision: &Decision| decision.outcome.reason().unwrap_or(decision.outcome.name());
        decisions(events, found, created, existing).iter().map(word).collect()
    }

    #[test]
    fn the_first_creatable_event_of_a_booking_wins_and_the_rest_are_compared_with_it() {
        let events = [event("b", 1), event("a", 2), event("b", 1), event("b", 3)];
        let found = outcomes(&events, &[KNOWN; 4], &["a", "b"], &[]);
        assert_eq!(found, ["accepted", "accepted", "duplicate", "conflicting_booking"]);
    }

    #[test]
    fn events_queue_behind_one_whose_user_is_unknown() {
        let events = [event("b", 1), event("b", 1), event("a", 1), event("b", 1)];
        let found = outcomes(&events, &[NOBODY, KNOWN, KNOWN, NOBODY], &["a"], &[]);
        assert_eq!(found, ["unknown_user", "queued", "accepted", "queued"]);
    }

    #[test]
    fn an_event_with_an_unknown_user_contradicts_a_booking_that_stands() {
        let events = [event("b", 1), event("b", 1), event("b", 2)];
        let standing = event("b", 1);
        let found = outcomes(&events, &[NOBODY, KNOWN, NOBODY], &[], &[&standing]);
        assert_eq!(found, ["conflicting_booking", "duplicate", "conflicting_booking"]);
        let found = outcomes(&events, &[KNOWN, NOBODY, KNOWN], &["b"], &[]);
        assert_eq!(found, ["accepted", "conflicting_booking", "conflicting_booking"]);
    }

    #[test]
    fn a_booking_that_stood_before_is_what_all_its_events_are_compared_with() {
        let events = [event("b", 9), event("b", 1), event("a", 1)];
        let found = outcomes(&events, &[KNOWN; 3], &["a"], &[&event("b", 1)]);
        assert_eq!(found, ["conflicting_booking", "duplicate", "accepted"]);
    }

    #[test]
    fn what_is_told_is_how_the_booking_stands() {
        let events = [event("b", 9), event("b", 1), event("a", 1), event("c", 1)];
        let found = [KNOWN, KNOWN, KNOWN, NOBODY];
        let told: Vec<Option<String>> = decisions(&events, &found, &["a"], &[&event("b", 1)])
            .into_iter()
            .map(|decision| decision.announcement)
            .collect();
        let said = |id: &str, status: &str| {
            Some(format!(r#"{{"bookingId":"{id}","status":"{status}","userId":"ana","roomId":"r1"}}"#))
        };
        assert_eq!(told, [said("b", "Cancelled"), None, said("a", "Accepted"), None]);
    }

    #[test]
    fn a_refused_booking_stands_as_refused_and_its_repetition_is_a_duplicate() {
        let events = [event("b", 1), event("b", 1), event("b", 2), event("a", 1)];
        let events: Vec<&BookingEvent> = events.iter().collect();
        let (found, existing) = ([KNOWN; 4], HashMap::new());
        let places = places(&events, &found, &existing);
        let created = ["a".to_owned(), "b".to_owned()];
        let refusals = Refusals::from([(0, "room_taken")]);
        let decided = decide(&events, &found, &places, &created, &refusals, &existing, true).unwrap();
        let outcomes: Vec<Outcome> = decided.iter().map(|decision| decision.outcome.clone()).collect();
        let expected = [
            Outcome::Rejected("room_taken"),
            Outcome::Duplicate,
            Outcome::Rejected("conflicting_booking"),
            Outcome::Applied("accepted"),
        ];
        assert_eq!(outcomes, expected);
        let refused = |index: usize| {
            decided[index].announcement.as_ref().is_some_and(|text| text.contains(r#""status":"Refused""#))
        };
        assert_eq!([0, 1, 2, 3].map(refused), [true, false, true, false]);
    }

    #[test]
    fn locks_are_taken_in_the_order_of_booking_ids() {
        let events = [event("c", 1), event("a", 1), event("b", 1), event("a", 1)];
        let events: Vec<&BookingEvent> = events.iter().collect();
        assert_eq!(places(&events, &[KNOWN; 4], &HashMap::new()).distinct, [1, 2, 0]);
    }

    #[test]
    fn a_booking_deleted_in_between_is_a_fault_and_no_outcome() {
        let event = event("b", 1);
        let events = [&event];
        let places = places(&events, &[KNOWN], &HashMap::new());
        let decided = decide(&events, &[KNOWN], &places, &[], &Refusals::new(), &HashMap::new(), true);
        assert!(matches!(decided, Err(Fault::Transient(_))));
    }
}
