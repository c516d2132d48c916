//! Creates bookings: resolve user and room, ask the hotel's rules, insert what is new, compare what is not.

mod check;
mod event;
mod policy;
mod rules;

use std::collections::HashMap;

use jiff::civil::Date;
use tracing::Span;

use crate::booking::{KIND, fields};
use crate::config::BookingSettings;
use crate::context::Context;
use crate::fault::Fault;
use crate::handler::Handler;
use crate::outcome::{Decision, Invalid, Outcome};
use crate::record::Record;
use crate::record_span;
use crate::statement::statement;
use crate::store::Transaction;
use check::Checked;
use event::BookingEvent;
use policy::Refusals;
use rules::{ACCEPTED, Booking, Found, REFUSED, Stay};

/// The handler of `booking-events`.
pub(super) struct Create {
    /// Whether somebody is to be told what became of each booking.
    pub(super) announces: bool,
    /// Which new bookings are refused.
    pub(super) refuses: BookingSettings,
}

impl Handler for Create {
    type Event = BookingEvent;

    const KIND: &'static str = KIND;
    const CREATES_SUBJECT: bool = true;
    const AWAITS_SUBJECT: Option<&'static str> = None;

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
        let distinct = &places.distinct;
        // Boxed: it is seldom more than a look at a switch, and large.
        let checked = Checked::of(transaction, self.refuses, events, &found, distinct, &mut existing);
        let checked = Box::pin(checked).await?;
        let (new, refusals) = (&checked.new, &checked.refusals);
        let created = insert(transaction, events, &found, new, refusals).await?;
        if created.len() < new.len() {
            checked.hold(created.len())?;
            existing.extend(standing(transaction, events, new).await?);
        }
        rules::decide(events, &found, &places, &created, refusals, &existing, self.announces)
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
    let rows =
        transaction.read(statement!("booking_resolve", "resolve.sql"), &[&numbers, &users, &rooms]).await?;
    rows.iter().map(|row| Ok(Found { user: row.try_get(0)?, room: row.try_get(1)? })).collect()
}

/// Inserts the bookings of these events and returns the ids of those that this created.
async fn insert(
    transaction: &Transaction,
    events: &[&BookingEvent],
    found: &[Found],
    new: &[usize],
    refusals: &Refusals,
) -> Result<Vec<String>, Fault> {
    let count = new.len();
    let mut ids: Vec<&str> = Vec::with_capacity(count);
    let mut users: Vec<Option<i32>> = Vec::with_capacity(count);
    let mut rooms: Vec<Option<i32>> = Vec::with_capacity(count);
    let mut guests: Vec<i32> = Vec::with_capacity(count);
    let mut starts: Vec<Date> = Vec::with_capacity(count);
    let mut ends: Vec<Date> = Vec::with_capacity(count);
    let mut payments: Vec<Option<&str>> = Vec::with_capacity(count);
    let mut statuses: Vec<&str> = Vec::with_capacity(count);
    for &index in new {
        let event = events[index];
        ids.push(&event.booking_id);
        users.push(found[index].user);
        rooms.push(found[index].room);
        guests.push(event.guests);
        starts.push(event.start);
        ends.push(event.end);
        payments.push(event.payment.as_deref());
        statuses.push(if refusals.contains_key(&index) { REFUSED } else { ACCEPTED });
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = transaction
        .write(
            statement!("booking_insert", "insert.sql"),
            &[&ids, &users, &rooms, &guests, &starts, &ends, &payments, &statuses],
        )
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
    let rows = transaction.read(statement!("booking_existing", "existing.sql"), &[&ids]).await?;
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
