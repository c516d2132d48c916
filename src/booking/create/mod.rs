//! Creates bookings: resolve user and room, insert what is new, compare what is not.

mod event;
mod rules;

use std::collections::HashMap;

use jiff::civil::Date;
use tracing::Span;

use crate::booking::fields;
use crate::context::Context;
use crate::handler::Handler;
use crate::outcome::{Decision, Invalid, Outcome};
use crate::record::Record;
use crate::record_span;
use crate::store::{Fault, Transaction};
use event::BookingEvent;
use rules::{Booking, Found, Stay};

/// The handler of `booking-events`.
pub(super) struct Create {
    /// Whether somebody is to be told what became of each booking.
    pub(super) announces: bool,
}

impl Handler for Create {
    type Event = BookingEvent;

    const CREATES_SUBJECT: bool = true;

    fn decode(&self, record: &Record) -> Result<BookingEvent, Invalid> {
        BookingEvent::decode(record)
    }

    fn subject<'a>(&self, event: &'a BookingEvent) -> &'a str {
        &event.booking_id
    }

    fn span(&self, context: &Context, subject: &str, event: Option<&BookingEvent>) -> Span {
        let user = event.map(|event| &*event.user);
        let room = event.map(|event| &*event.room);
        record_span!(context, bookingId = subject, userId = user, roomId = room)
    }

    async fn apply(
        &self,
        transaction: &Transaction,
        events: &[&BookingEvent],
    ) -> Result<Vec<Decision>, Fault> {
        let found = resolve(transaction, events).await?;
        let unknown: Vec<usize> = (0..events.len()).filter(|&index| !found[index].is_known()).collect();
        let mut existing = standing(transaction, events, &unknown).await?;
        let places = rules::places(events, &found, &existing);
        let created = insert(transaction, events, &found, &places).await?;
        if created.len() < places.distinct.len() {
            existing.extend(standing(transaction, events, &places.distinct).await?);
        }
        rules::decide(events, &found, &places, &created, &existing, self.announces)
    }

    fn message(&self, outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Applied(_) => "booking accepted",
            Outcome::Duplicate => "booking duplicate",
            Outcome::Rejected(_) => "booking rejected",
            Outcome::Held(_) => "booking held",
            Outcome::Dead(_) => "booking dead",
            Outcome::Diverted => "booking diverted",
        }
    }
}

/// Finds each event's user and room.
async fn resolve(transaction: &Transaction, events: &[&BookingEvent]) -> Result<Vec<Found>, Fault> {
    let numbers: Vec<Option<i32>> = events.iter().map(|event| fields::row_number(&event.user)).collect();
    let users: Vec<&str> = events.iter().map(|event| &*event.user).collect();
    let rooms: Vec<&str> = events.iter().map(|event| &*event.room).collect();
    let rows = transaction.read(include_str!("resolve.sql"), &[&numbers, &users, &rooms]).await?;
    rows.iter().map(|row| Ok(Found { user: row.try_get(0)?, room: row.try_get(1)? })).collect()
}

/// Inserts the first event of each booking and returns the ids of the bookings that this created.
async fn insert(
    transaction: &Transaction,
    events: &[&BookingEvent],
    found: &[Found],
    places: &rules::Places,
) -> Result<Vec<String>, Fault> {
    let count = places.distinct.len();
    let mut ids: Vec<&str> = Vec::with_capacity(count);
    let mut users: Vec<Option<i32>> = Vec::with_capacity(count);
    let mut rooms: Vec<Option<i32>> = Vec::with_capacity(count);
    let mut guests: Vec<i32> = Vec::with_capacity(count);
    let mut starts: Vec<Date> = Vec::with_capacity(count);
    let mut ends: Vec<Date> = Vec::with_capacity(count);
    let mut payments: Vec<Option<&str>> = Vec::with_capacity(count);
    for &index in &places.distinct {
        let event = events[index];
        ids.push(&event.booking_id);
        users.push(found[index].user);
        rooms.push(found[index].room);
        guests.push(event.guests);
        starts.push(event.start);
        ends.push(event.end);
        payments.push(event.payment.as_deref());
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = transaction
        .write(include_str!("insert.sql"), &[&ids, &users, &rooms, &guests, &starts, &ends, &payments])
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The bookings that stand under the ids of these events, by id.
async fn standing(
    transaction: &Transaction,
    events: &[&BookingEvent],
    indexes: &[usize],
) -> Result<HashMap<String, Booking>, Fault> {
    if indexes.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<&str> = indexes.iter().map(|&index| &*events[index].booking_id).collect();
    let rows = transaction.read(include_str!("existing.sql"), &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let stay = Stay {
                user: row.try_get(1)?,
                room: row.try_get(2)?,
                guests: row.try_get(3)?,
                start: row.try_get(4)?,
                end: row.try_get(5)?,
                payment: row.try_get(6)?,
            };
            Ok((row.try_get(0)?, Booking { stay, status: row.try_get(7)? }))
        })
        .collect()
}
