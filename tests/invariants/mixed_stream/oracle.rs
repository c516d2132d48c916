//! The contract's rules for one record at a time, as plainly as they can be said.

use std::collections::BTreeSet;

use super::records::{Cancellation, Creation, Fault, Target};

/// A booking that an event made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    pub id: String,
    pub user: i32,
    pub room: i32,
    pub guests: i64,
    pub start: String,
    pub end: String,
    pub payment: Option<String>,
    pub status: String,
}

/// What should be in the database.
pub struct Oracle {
    /// In the order of their ids.
    pub stays: Vec<Stay>,
    /// Row id, owner and status of the bookings that no event made.
    pub by_hand: Vec<(i32, i32, String)>,
    /// The bookings whose create waits: what comes later of them queues.
    waiting: BTreeSet<String>,
    /// The cancellations that came before their bookings.
    early: Vec<Cancellation>,
}

impl Oracle {
    pub fn new() -> Self {
        let status = |row: i32| match row % 5 {
            0 | 1 => "Refused",
            2 => "Cancelled",
            _ => "Accepted",
        };
        let by_hand = (0..30).map(|row| (9000 + row, 1 + row % 3, status(row).to_owned())).collect();
        Self { stays: Vec::new(), by_hand, waiting: BTreeSet::new(), early: Vec::new() }
    }

    /// Applies a booking event and returns its verdict.
    pub fn create(&mut self, event: &Creation) -> String {
        if event.diverted {
            return "diverted".into();
        }
        match event.fault {
            Some(Fault::Bytes) => return "dead:undecodable".into(),
            Some(Fault::Blank) => return "dead:blank_identifier".into(),
            None if event.guests < 1 => return "dead:invalid_guests".into(),
            None if event.nights < 1 => return "dead:invalid_dates".into(),
            None => {}
        }
        if self.waiting.contains(&event.id) {
            return "held:queued".into();
        }
        let (user, room) = (user(event.user), room(event.room));
        let stands = self.stays.iter().any(|stay| stay.id == event.id);
        let (Some(user), Some(room)) = (user, room) else {
            if stands {
                return "rejected:conflicting_booking".into();
            }
            self.waiting.insert(event.id.clone());
            return if user.is_none() { "held:unknown_user".into() } else { "held:unknown_room".into() };
        };
        let (start, end) = event.days();
        let stay = Stay {
            id: event.id.clone(),
            user,
            room,
            guests: event.guests,
            start,
            end,
            payment: event.payment.map(str::to_owned),
            status: "Accepted".into(),
        };
        match self.stays.binary_search_by(|stay| stay.id.cmp(&event.id)) {
            Err(place) => {
                self.stays.insert(place, stay);
                let named = |early: &Cancellation| early.target == Target::Named(event.id.clone());
                let (awaited, early): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut self.early).into_iter().partition(named);
                self.early = early;
                for early in &awaited {
                    self.cancel(early);
                }
                "accepted".into()
            }
            Ok(place) if (Stay { status: self.stays[place].status.clone(), ..stay }) == self.stays[place] => {
                "duplicate".into()
            }
            Ok(_) => "rejected:conflicting_booking".into(),
        }
    }

    /// Applies a cancellation and returns its verdict.
    pub fn cancel(&mut self, event: &Cancellation) -> String {
        if event.diverted {
            return "diverted".into();
        }
        match event.fault {
            Some(Fault::Bytes) => return "dead:undecodable".into(),
            Some(Fault::Blank) => return "dead:blank_identifier".into(),
            None => {}
        }
        if let Target::Named(id) = &event.target
            && self.waiting.contains(id)
        {
            return "held:queued".into();
        }
        let found = match &event.target {
            Target::Named(id) | Target::RowOf(id) => {
                self.stays.iter_mut().find(|stay| stay.id == *id).map(|stay| (stay.user, &mut stay.status))
            }
            Target::Row(id) => {
                self.by_hand.iter_mut().find(|(row, ..)| row == id).map(|(_, owner, status)| (*owner, status))
            }
            Target::Nothing(_) => None,
        };
        let Some((owner, status)) = found else {
            self.early.push(event.clone());
            return "held:unknown_booking".into();
        };
        let Some(user) = user(event.user) else { return "held:unknown_user".into() };
        if user != owner {
            return "rejected:not_owner".into();
        }
        match status.as_str() {
            "Accepted" => {
                "Cancelled".clone_into(status);
                "cancelled".into()
            }
            "Cancelled" => "rejected:already_cancelled".into(),
            _ => "rejected:not_cancellable".into(),
        }
    }
}

fn user(reference: &str) -> Option<i32> {
    match reference {
        "1" | "ana" | "ana@example.com" | "01" => Some(1),
        "2" | "bo" | "bo@example.com" => Some(2),
        "3" | "12345" | "carl@example.com" => Some(3),
        _ => None,
    }
}

fn room(reference: &str) -> Option<i32> {
    match reference {
        "room_ocean_001" => Some(1),
        "room_garden_002" => Some(2),
        _ => None,
    }
}
