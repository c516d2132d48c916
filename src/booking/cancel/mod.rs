//! Cancels bookings: find booking and user, decide, and change the row only while it is as it was found.

mod event;
mod rules;

use std::collections::HashMap;

use tokio_postgres::Row;
use tracing::Span;

use crate::booking::{KIND, fields};
use crate::context::Context;
use crate::fault::{Cause, Fault};
use crate::handler::Handler;
use crate::outcome::{Decision, Invalid, Outcome};
use crate::record::Record;
use crate::record_span;
use crate::statement::statement;
use crate::store::Transaction;
use event::CancellationEvent;
use rules::{Booking, Found, UNKNOWN_BOOKING};

/// How often the batch looks again at bookings that others change under its hands.
const LOOKS: usize = 3;

/// The handler of `booking-cancellations`.
pub(super) struct Cancel {
    /// Whether somebody is to be told what became of each cancellation.
    pub(super) announces: bool,
}

impl Handler for Cancel {
    type Event = CancellationEvent;

    const KIND: &'static str = KIND;
    const CREATES_SUBJECT: bool = false;
    const AWAITS_SUBJECT: Option<&'static str> = Some(UNKNOWN_BOOKING);

    fn decode(&self, record: &Record) -> Result<CancellationEvent, Invalid> {
        CancellationEvent::decode(record)
    }

    fn subject<'a>(&self, event: &'a CancellationEvent) -> &'a str {
        &event.booking
    }

    fn span(&self, context: &Context, subject: &str, event: Option<&CancellationEvent>) -> Span {
        let user = event.map(|event| &*event.user);
        record_span!(context, bookingId = subject, userId = user)
    }

    async fn apply(
        &self,
        transaction: &Transaction,
        events: &[&CancellationEvent],
    ) -> Result<Vec<Decision>, Fault> {
        // Which event cancelled which row, by row id.
        let mut cancelled = HashMap::new();
        for _ in 0..LOOKS {
            let found = find(transaction, events).await?;
            let decided = rules::decide(events, &found, &cancelled, self.announces);
            let mut missing = decided.cancel.len();
            for row in cancel(transaction, &decided.cancel).await? {
                if let Some(change) = decided.cancel.get(&row) {
                    cancelled.insert(row, change.event);
                    missing -= 1;
                }
            }
            if missing == 0 {
                return Ok(decided.decisions);
            }
        }
        Err(Fault::Transient(Cause::new("bookings keep changing between being found and being cancelled")))
    }

    fn message(&self, outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Applied(_) => "booking cancelled",
            Outcome::Duplicate => "cancellation duplicate",
            Outcome::Rejected(_) => "cancellation rejected",
            Outcome::Held(_) => "cancellation held",
            Outcome::Dead(_) => "cancellation dead",
            Outcome::Diverted => "cancellation diverted",
        }
    }
}

/// Finds each event's booking and user, as they are now.
async fn find(transaction: &Transaction, events: &[&CancellationEvent]) -> Result<Vec<Found>, Fault> {
    let bookings: Vec<&str> = events.iter().map(|event| &*event.booking).collect();
    let rows: Vec<Option<i32>> = events.iter().map(|event| fields::row_number(&event.booking)).collect();
    let users: Vec<&str> = events.iter().map(|event| &*event.user).collect();
    let numbers: Vec<Option<i32>> = events.iter().map(|event| fields::row_number(&event.user)).collect();
    let rows = transaction
        .read(statement!("booking_find", "find.sql"), &[&bookings, &rows, &users, &numbers])
        .await?;
    rows.iter().map(found).collect()
}

/// Cancels the rows that are still as they were found and returns their ids.
async fn cancel(transaction: &Transaction, changes: &rules::Changes) -> Result<Vec<i32>, Fault> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<i32> = changes.keys().copied().collect();
    let owners: Vec<i32> = changes.values().map(|change| change.owner).collect();
    let rows = transaction.write(statement!("booking_cancel", "cancel.sql"), &[&rows, &owners]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn found(row: &Row) -> Result<Found, Fault> {
    let user = row.try_get(0)?;
    let Some(id) = row.try_get(1)? else { return Ok(Found { user, booking: None }) };
    let booking = Booking {
        row: id,
        booking_id: row.try_get(2)?,
        owner: row.try_get(3)?,
        status: row.try_get(4)?,
        room: row.try_get(5)?,
    };
    Ok(Found { user, booking: Some(booking) })
}
