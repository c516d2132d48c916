//! What a cancellation amounts to, given the booking and the user. Pure: no database here.

use std::collections::{BTreeMap, HashMap};

use super::event::CancellationEvent;
use crate::booking::announcement::Announcement;
use crate::outcome::{Decision, Outcome};

/// Why a cancellation waits that came before its booking.
pub(super) const UNKNOWN_BOOKING: &str = "unknown_booking";

/// What an event's references led to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) user: Option<i32>,
    pub(super) booking: Option<Booking>,
}

/// A booking as it stands.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the column's name")]
pub(super) struct Booking {
    /// `bookings.id`
    pub(super) row: i32,
    /// `bookings.booking_id`; none for a booking that no event made.
    pub(super) booking_id: Option<String>,
    /// `bookings.user_id`
    pub(super) owner: Option<i32>,
    /// `bookings.status`
    pub(super) status: Option<String>,
    /// `rooms.internal_id`
    pub(super) room: Option<String>,
}

/// A row to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// The index of the event that asks for it.
    pub(super) event: usize,
    /// The row's owner, as it must still be.
    pub(super) owner: i32,
}

/// The rows to cancel, by row id. Ordered: two lanes that meet the same rows take their locks in one order.
pub(super) type Changes = BTreeMap<i32, Change>;

/// What a batch of cancellations amounts to.
pub(super) struct Decided {
    /// One decision an event, in order.
    pub(super) decisions: Vec<Decision>,
    /// What must be changed for the decisions to hold.
    pub(super) cancel: Changes,
}

/// Decides about each event, in order. `cancelled` says which events have cancelled which rows already, in
/// this transaction.
pub(super) fn decide(
    events: &[&CancellationEvent],
    found: &[Found],
    cancelled: &HashMap<i32, usize>,
    announces: bool,
) -> Decided {
    let mut cancel = Changes::new();
    let decisions = events
        .iter()
        .zip(found)
        .enumerate()
        .map(|(index, (event, found))| {
            let outcome = rule(index, found, cancelled, &mut cancel);
            let Some(booking) = &found.booking else { return outcome.into() };
            let subject = booking.booking_id.as_ref().filter(|name| **name != event.booking).cloned();
            let tell = announces && matches!(outcome, Outcome::Applied(_) | Outcome::Rejected(_));
            // What this batch cancels is cancelled for all that come after.
            let changed = cancel.contains_key(&booking.row) || cancelled.contains_key(&booking.row);
            let status = if changed { Some("Cancelled") } else { booking.status.as_deref() };
            let announcement = tell.then(|| announcement(event, booking, status)).flatten();
            Decision { outcome, subject, announcement }
        })
        .collect();
    Decided { decisions, cancel }
}

fn announcement(event: &CancellationEvent, booking: &Booking, status: Option<&str>) -> Option<String> {
    let (booking_id, room_id) = (booking.booking_id.as_deref(), booking.room.as_deref());
    Announcement { booking_id, status, user_id: &event.user, room_id }.text()
}

/// The rules for one event. The owner is asked about before the status: a stranger learns nothing of it.
fn rule(index: usize, found: &Found, cancelled: &HashMap<i32, usize>, cancel: &mut Changes) -> Outcome {
    let Some(booking) = &found.booking else { return Outcome::Held(UNKNOWN_BOOKING) };
    let Some(user) = found.user else { return Outcome::Held("unknown_user") };
    if booking.owner != Some(user) {
        return Outcome::Rejected("not_owner");
    }
    if cancelled.get(&booking.row) == Some(&index) {
        return Outcome::Applied("cancelled");
    }
    match booking.status.as_deref() {
        Some("Accepted") if !cancel.contains_key(&booking.row) => {
            cancel.insert(booking.row, Change { event: index, owner: user });
            Outcome::Applied("cancelled")
        }
        Some("Accepted" | "Cancelled") => Outcome::Rejected("already_cancelled"),
        _ => Outcome::Rejected("not_cancellable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(user: Option<i32>, row: i32, status: &str) -> Found {
        let booking = Booking {
            row,
            booking_id: Some(format!("booking_{row}")),
            owner: Some(1),
            status: Some(status.into()),
            room: Some("r1".into()),
        };
        Found { user, booking: Some(booking) }
    }

    fn words(found: &[Found], cancelled: &HashMap<i32, usize>) -> Vec<&'static str> {
        let event = CancellationEvent { booking: "17".into(), user: "ana".into() };
        let decided = decide(&vec![&event; found.len()], found, cancelled, true);
        let word = |decision: &Decision| decision.outcome.reason().unwrap_or(decision.outcome.name());
        decided.decisions.iter().map(word).collect()
    }

    #[test]
    fn each_state_of_booking_and_user_has_its_outcome() {
        let nothing = Found { user: Some(1), booking: None };
        let nobody = Found { user: None, booking: None };
        let found = [
            found(Some(1), 7, "Accepted"),
            found(Some(1), 8, "Cancelled"),
            found(Some(1), 9, "Refused"),
            found(Some(2), 10, "Accepted"),
            found(Some(2), 11, "Cancelled"),
            found(None, 12, "Accepted"),
            nothing,
            nobody,
        ];
        let expected = [
            "cancelled",
            "already_cancelled",
            "not_cancellable",
            "not_owner",
            "not_owner",
            "unknown_user",
            "unknown_booking",
            "unknown_booking",
        ];
        assert_eq!(words(&found, &HashMap::new()), expected);
    }

    #[test]
    fn of_two_cancellations_in_one_batch_the_first_of_the_owner_counts() {
        let stranger = found(Some(2), 7, "Accepted");
        let owner = found(Some(1), 7, "Accepted");
        let found = [stranger, owner.clone(), owner];
        assert_eq!(words(&found, &HashMap::new()), ["not_owner", "cancelled", "already_cancelled"]);
    }

    #[test]
    fn a_row_cancelled_in_an_earlier_look_stays_with_the_event_that_cancelled_it() {
        let now = found(Some(1), 7, "Cancelled");
        let found = [now.clone(), now.clone(), now];
        assert_eq!(
            words(&found, &HashMap::from([(7, 1)])),
            ["already_cancelled", "cancelled", "already_cancelled"]
        );
    }

    #[test]
    fn a_cancellation_by_row_id_is_filed_under_the_bookings_own_id() {
        let event = CancellationEvent { booking: "17".into(), user: "ana".into() };
        let decided = decide(&[&event], &[found(Some(1), 17, "Accepted")], &HashMap::new(), true);
        assert_eq!(decided.decisions[0].subject.as_deref(), Some("booking_17"));
    }

    #[test]
    fn what_is_told_is_how_the_booking_stands_at_that_record() {
        let stranger = found(Some(2), 7, "Accepted");
        let owner = found(Some(1), 7, "Accepted");
        let nothing = Found { user: Some(1), booking: None };
        let event = CancellationEvent { booking: "booking_7".into(), user: "ana".into() };
        let found = [stranger, owner.clone(), owner, nothing];
        let decided = decide(&[&event; 4], &found, &HashMap::new(), true);
        let said = |status: &str| {
            Some(format!(r#"{{"bookingId":"booking_7","status":"{status}","userId":"ana","roomId":"r1"}}"#))
        };
        let told: Vec<Option<String>> =
            decided.decisions.into_iter().map(|decision| decision.announcement).collect();
        assert_eq!(told, [said("Accepted"), said("Cancelled"), said("Cancelled"), None]);
    }
}
