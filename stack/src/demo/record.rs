//! What the sample sends: the two events as the producing services write them, and raw bytes.

use anyhow::Result;
use serde::Serialize;

use super::guests::Guest;
use super::headers::Headers;

/// Which topic a record goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Bookings.
    Bookings,
    /// Cancellations.
    Cancellations,
}

/// A record to send.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) topic: Topic,
    pub(crate) key: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) headers: Headers,
}

/// What to do next.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Send this.
    Send(Record),
    /// Send a booking whose guest registers only when it is dead.
    SendTooEarly { record: Record, guest: Guest },
    /// Insert a guest whose booking waits for them.
    Register(Guest),
    /// Cancel a booking by the id of its row, which only the database knows.
    CancelRow { booking: String, cancellation: Cancellation, headers: Headers },
}

/// The value of a record in `booking-events`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the event's own names")]
pub(crate) struct Booking {
    pub(crate) user_id: String,
    pub(crate) room_id: String,
    pub(crate) guests: u8,
    pub(crate) start_date: String,
    pub(crate) end_date: String,
    pub(crate) booking_id: String,
    pub(crate) payment_id: String,
}

/// The value of a record in `booking-cancellations`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cancellation {
    pub(crate) booking_id: String,
    pub(crate) user_id: String,
    pub(crate) timestamp: String,
}

impl Booking {
    /// The record that announces it.
    pub(crate) fn record(&self, headers: Headers) -> Result<Record> {
        let (key, payload) = (self.booking_id.clone(), serde_json::to_vec(self)?);
        Ok(Record { topic: Topic::Bookings, key, payload, headers })
    }
}

impl Cancellation {
    /// The record that announces it.
    pub(crate) fn record(&self, headers: Headers) -> Result<Record> {
        let (key, payload) = (self.booking_id.clone(), serde_json::to_vec(self)?);
        Ok(Record { topic: Topic::Cancellations, key, payload, headers })
    }
}
