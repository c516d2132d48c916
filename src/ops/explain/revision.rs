//! One outcome of one record that named the booking.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

use crate::baggage::Baggage;
use crate::divert;

/// One row of the ledger, and what has become of it since.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revision {
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    #[serde(rename = "revision")]
    pub(super) number: i16,
    /// Whether it is the record's latest.
    pub(super) current: bool,
    pub(super) recorded_at: Timestamp,
    pub(super) subject: String,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) baggage: Option<String>,
    /// The namespace that the record belongs to; none for the shared worker's.
    pub(super) namespace: Option<String>,
    pub(super) trace_id: Option<String>,
    /// Of the status event or of the dead letter; none where nothing is to be told.
    pub(super) publication: Option<Publication>,
    /// The record's row in `worker.held`, as it is now.
    pub(super) held: Option<Held>,
}

/// Whether others have been told.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Publication {
    Published,
    Pending,
}

/// A record that was set aside.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Held {
    pub(super) id: i64,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) attempts: i32,
    pub(super) next_attempt_at: Option<Timestamp>,
}

impl From<&Row> for Revision {
    fn from(row: &Row) -> Self {
        let outcome: String = row.get("outcome");
        let published = row.get::<_, Option<bool>>("published").unwrap_or_default();
        let tells = row.get("told") || outcome == "dead";
        let publication = if published { Publication::Published } else { Publication::Pending };
        Self {
            group: row.get("group_id"),
            topic: row.get("topic"),
            partition: row.get("partition"),
            offset: row.get("record_offset"),
            number: row.get("revision"),
            current: row.get("current"),
            recorded_at: row.get("recorded_at"),
            subject: row.get("subject"),
            outcome,
            reason: row.get("reason"),
            detail: row.get("detail"),
            baggage: row.get("baggage"),
            namespace: namespace(row.get("baggage")),
            trace_id: row.get::<_, Option<&[u8]>>("trace_id").map(hexadecimal),
            publication: tells.then_some(publication),
            held: row.get::<_, Option<i64>>("held_id").map(|id| Held {
                id,
                status: row.get("held_status"),
                reason: row.get("held_reason"),
                attempts: row.get("attempts"),
                next_attempt_at: row.get("next_attempt_at"),
            }),
        }
    }
}

fn namespace(baggage: Option<&str>) -> Option<String> {
    divert::namespace(&Baggage::parse([baggage?.as_bytes()])).map(str::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
