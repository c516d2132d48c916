//! The dead letter: the record's own key, bytes and headers, and behind these what is wrong with it.
//!
//! Its time is that of the record's death: with the record's own, which may be long ago, the retention of the dead
//! letters' topic would take it before anybody has seen it.

use super::message::{Header, Kind, Message, PAYLOAD, header};
use super::outbox::Entry;

/// What the names of dead letters' topics end with.
const SUFFIX: &str = ".dlq";

/// The dead letter of a row. A record that is no longer kept, because it was tried again since, is told of all the
/// same.
pub(super) fn message(entry: Entry, group: &str) -> Message {
    let reason = entry.reason.unwrap_or_default();
    let problem = match entry.detail {
        Some(detail) => format!("{reason}: {detail}"),
        None => reason,
    };
    let errors = [
        header("__dlq.errors.topic", entry.topic.as_str()),
        header("__dlq.errors.partition", entry.partition.to_string()),
        header("__dlq.errors.offset", entry.offset.to_string()),
        header("__dlq.errors.group", group),
        header("__dlq.errors.message", problem),
    ];
    let (key, payload, timestamp, mut headers, gone) = match entry.record {
        Some(kept) => (kept.key, kept.payload, kept.timestamp, kept.headers, None),
        None => (None, None, None, Vec::new(), Some(gone())),
    };
    let own_headers = headers.len();
    headers.extend(errors);
    // In milliseconds since 1970.
    headers.extend(timestamp.map(|timestamp| header("__dlq.errors.timestamp", timestamp.to_string())));
    headers.extend(gone);
    Message {
        topic: format!("{}{SUFFIX}", entry.topic).into(),
        key,
        payload,
        timestamp: Some(entry.recorded_at.as_millisecond()),
        headers,
        record: format!("{}/{}/{}", entry.topic, entry.partition, entry.offset),
        kind: Kind::DeadLetter { own_headers },
    }
}

fn gone() -> Header {
    header(PAYLOAD, "left out, because the record has been tried again and is no longer kept in worker.held")
}
