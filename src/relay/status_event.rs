//! The status event: the domain's announcement as a `CloudEvents` message in Kafka's binary mode.

use std::fmt::Write as _;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::message::{Header, Kind, Message, header};
use super::outbox::{Entry, Trace};
use crate::fault::{Cause, Fault};

/// What a URI's path segment need not escape.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The message's value: what the domain says, and what the ledger adds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusEvent<'a> {
    #[serde(flatten)]
    announcement: Map<String, Value>,
    reason: Option<&'a str>,
    source: Source<'a>,
    occurred_at: &'a str,
}

#[derive(Serialize)]
struct Source<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
}

/// The status event of a row. Its id names the row, and is the same however often it is sent.
pub(super) fn message(
    entry: &Entry,
    announcement: &str,
    kind: &str,
    group: &str,
    topic: &str,
) -> Result<Message, Fault> {
    let unreadable = |error: serde_json::Error| {
        Fault::Fatal(Cause::new(format!(
            "worker.ledger has an announcement that the worker did not write, at {}/{} offset {}: {error}",
            entry.topic, entry.partition, entry.offset
        )))
    };
    let occurred_at = format!("{:.6}", entry.recorded_at);
    let event = StatusEvent {
        announcement: serde_json::from_str(announcement).map_err(unreadable)?,
        reason: entry.reason.as_deref(),
        source: Source { topic: &entry.topic, partition: entry.partition, offset: entry.offset },
        occurred_at: &occurred_at,
    };
    let record = format!("{}/{}/{}", entry.topic, entry.partition, entry.offset);
    let mut headers: Vec<Header> = vec![
        header("ce_specversion", "1.0"),
        header("ce_id", format!("{group}/{record}/{}", entry.revision)),
        header("ce_type", format!("{kind}.{}", entry.outcome)),
        header("ce_source", format!("/worker/{}", utf8_percent_encode(group, PLAIN))),
        header("ce_time", occurred_at.as_str()),
        header("content-type", "application/json"),
    ];
    if let Some(baggage) = &entry.baggage {
        headers.push(header("baggage", baggage.as_str()));
    }
    if let Some(trace) = &entry.trace {
        headers.push(header("traceparent", traceparent(trace)));
    }
    Ok(Message {
        topic: Arc::from(topic),
        key: Some(entry.subject.as_bytes().to_vec()),
        payload: Some(serde_json::to_vec(&event).map_err(unreadable)?),
        timestamp: Some(entry.recorded_at.as_millisecond()),
        headers,
        record,
        kind: Kind::StatusEvent,
    })
}

/// The record's own span is the event's parent.
fn traceparent(trace: &Trace) -> String {
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    let hexadecimal = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('-');
    };
    hexadecimal(&mut text, &trace.id);
    hexadecimal(&mut text, &trace.span_id);
    let _ = write!(text, "{:02x}", trace.flags & 0xff);
    text
}
