//! The rules that a hotel may ask for: which new bookings are refused. Pure: no database here.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;

use super::event::BookingEvent;
use super::rules::Found;

/// Why new bookings are refused, by the index of their event.
pub(super) type Refusals = HashMap<usize, &'static str>;

/// What is known about the rooms of new bookings, as far as the rules ask.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    /// The capacity of each room that has a limit; empty where guests are not counted.
    pub(super) capacities: HashMap<i32, i32>,
    /// The events whose room is taken by a booking that stands; none where overlaps are allowed.
    pub(super) taken: Option<HashSet<usize>>,
}

/// Decides about the new bookings in the order in which they came: of two that overlap, the first takes the room.
pub(super) fn refusals(events: &[&BookingEvent], found: &[Found], new: &[usize], rooms: &Rooms) -> Refusals {
    let mut order = new.to_vec();
    order.sort_unstable();
    let mut nights = Nights::default();
    let mut refuse = |index: usize| {
        let (event, room) = (events[index], found[index].room?);
        // First, because it holds whoever else comes; and who is refused takes no room.
        if rooms.capacities.get(&room).is_some_and(|capacity| event.guests > *capacity) {
            return Some((index, "over_capacity"));
        }
        let taken = rooms.taken.as_ref()?;
        let free = !taken.contains(&index) && nights.take(room, event.start, event.end);
        (!free).then_some((index, "room_taken"))
    };
    order.into_iter().filter_map(&mut refuse).collect()
}

/// The nights that new bookings have taken: by room and first day, the day of departure. No two overlap.
#[derive(Default)]
struct Nights(BTreeMap<(i32, Date), Date>);

impl Nights {
    /// Takes a room where it is free for all nights. False where it is not.
    fn take(&mut self, room: i32, start: Date, end: Date) -> bool {
        // Of those that begin before this stay ends, the last one ends last.
        let last = self.0.range((room, Date::MIN)..(room, end)).next_back();
        if last.is_some_and(|(_, departure)| *departure > start) {
            return false;
        }
        self.0.insert((room, start), end);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn event(guests: i32, start: i8, nights: i32) -> BookingEvent {
        let start = date(2027, 1, start);
        let end = start.saturating_add(nights.days());
        BookingEvent {
            booking_id: "b".into(),
            user: "ana".into(),
            room: "r".into(),
            guests,
            start,
            end,
            payment: None,
        }
    }

    /// The word for each event; `new` are all of them, last first.
    fn words(stays: &[(i32, BookingEvent)], rooms: &Rooms) -> Vec<&'static str> {
        let events: Vec<&BookingEvent> = stays.iter().map(|(_, event)| event).collect();
        let found: Vec<Found> =
            stays.iter().map(|(room, _)| Found { user: Some(1), room: Some(*room) }).collect();
        let new: Vec<usize> = (0..stays.len()).rev().collect();
        let refusals = refusals(&events, &found, &new, rooms);
        (0..stays.len()).map(|index| refusals.get(&index).copied().unwrap_or("ok")).collect()
    }

    fn no_overlap(taken: &[usize]) -> Rooms {
        Rooms { taken: Some(taken.iter().copied().collect()), ..Rooms::default() }
    }

    #[test]
    fn without_rules_nothing_is_refused() {
        let stays = [(1, event(99, 1, 9)), (1, event(99, 1, 9))];
        assert_eq!(words(&stays, &Rooms::default()), ["ok", "ok"]);
    }

    #[test]
    fn of_two_that_overlap_the_first_takes_the_room_whatever_their_ids() {
        let stays = [(1, event(1, 5, 3)), (1, event(1, 7, 3)), (2, event(1, 7, 3)), (1, event(1, 1, 31))];
        assert_eq!(words(&stays, &no_overlap(&[])), ["ok", "room_taken", "ok", "room_taken"]);
    }

    #[test]
    fn a_stay_may_begin_on_the_day_on_which_another_ends() {
        let stays = [(1, event(1, 5, 3)), (1, event(1, 8, 2)), (1, event(1, 3, 2)), (1, event(1, 9, 1))];
        assert_eq!(words(&stays, &no_overlap(&[])), ["ok", "ok", "ok", "room_taken"]);
    }

    #[test]
    fn who_is_refused_takes_no_room() {
        let stays = [(1, event(1, 1, 3)), (1, event(3, 3, 3)), (1, event(1, 5, 1)), (1, event(1, 3, 3))];
        let rooms = Rooms { capacities: HashMap::from([(1, 2)]), ..no_overlap(&[0]) };
        assert_eq!(words(&stays, &rooms), ["room_taken", "over_capacity", "ok", "room_taken"]);
        assert_eq!(words(&stays[..2], &no_overlap(&[0])), ["room_taken", "ok"]);
    }

    #[test]
    fn a_room_is_full_at_its_capacity_and_without_one_never() {
        let stays = [(1, event(2, 1, 1)), (1, event(3, 1, 1)), (2, event(i32::MAX, 1, 1))];
        let rooms = Rooms { capacities: HashMap::from([(1, 2)]), taken: None };
        assert_eq!(words(&stays, &rooms), ["ok", "over_capacity", "ok"]);
    }

    proptest! {
        #[test]
        fn no_two_accepted_overlap_and_each_refused_one_overlaps_an_earlier_accepted(
            stays in prop::collection::vec((1..3, 1_i8..25, 1..8), 0..60)
        ) {
            let stays: Vec<(i32, BookingEvent)> =
                stays.into_iter().map(|(room, start, nights)| (room, event(1, start, nights))).collect();
            let words = words(&stays, &no_overlap(&[]));
            let overlap = |a: usize, b: usize| {
                let ((room, a), (other, b)) = (&stays[a], &stays[b]);
                room == other && a.start < b.end && b.start < a.end
            };
            for index in 0..stays.len() {
                let taken = (0..index).any(|earlier| words[earlier] == "ok" && overlap(earlier, index));
                prop_assert_eq!(words[index] == "room_taken", taken);
            }
        }
    }
}
