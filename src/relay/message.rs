//! What goes to Kafka, and what may be left out of it where Kafka refuses the whole.

use std::ptr;
use std::sync::Arc;

use rdkafka::bindings as native;
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::FutureRecord;
use rdkafka::types::RDKafkaErrorCode;

use crate::store::held;

/// A header: its name, which need not be UTF-8, and its value, which may be absent.
pub(super) type Header = held::OwnedHeader;

/// Says that the dead letter is not the whole record, and why.
pub(super) const PAYLOAD: &str = "__dlq.errors.payload";

/// One message.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) topic: Arc<str>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    /// In milliseconds since 1970; none lets the producer stamp it.
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Vec<Header>,
    /// The record that it tells of, for the log.
    pub(super) record: String,
    pub(super) kind: Kind,
}

/// What a message is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    StatusEvent,
    DeadLetter {
        /// How many of the headers are the record's own; the relay's follow.
        own_headers: usize,
    },
}

impl Message {
    /// As rdkafka wants it.
    pub(super) fn to_native(&self) -> FutureRecord<'_, [u8], [u8]> {
        FutureRecord {
            topic: &self.topic,
            partition: None,
            payload: self.payload.as_deref(),
            key: self.key.as_deref(),
            timestamp: self.timestamp,
            headers: native_headers(&self.headers),
        }
    }

    /// The same with less in it, for a broker that refuses it as it is; none where nothing may be left out.
    ///
    /// First the timestamp goes, which a topic may limit, unless it is the size that is refused; then a dead
    /// letter's payload, then all that was the record's. A dead record stays whole in `worker.held`.
    pub(super) fn reduced(mut self, refusal: &KafkaError) -> Option<Self> {
        let is_too_large = refusal.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge);
        if !is_too_large && self.timestamp.take().is_some() {
            return Some(self);
        }
        let Kind::DeadLetter { own_headers } = self.kind else { return None };
        let left_out = |what: &str| {
            header(PAYLOAD, format!("{what} left out, because Kafka refuses it ({refusal}); see worker.held"))
        };
        if self.payload.take().is_some() {
            self.headers.push(left_out("payload"));
            return Some(self);
        }
        if self.key.is_none() && own_headers == 0 {
            return None;
        }
        self.key = None;
        self.headers.drain(..own_headers);
        self.headers.retain(|(name, _)| name != PAYLOAD.as_bytes());
        self.headers.push(left_out("key, payload and headers"));
        self.kind = Kind::DeadLetter { own_headers: 0 };
        Some(self)
    }
}

/// A header of the relay's own.
pub(super) fn header(name: &str, value: impl Into<Vec<u8>>) -> Header {
    (name.as_bytes().to_vec(), Some(value.into()))
}

#[expect(unsafe_code, reason = "rdkafka's safe way takes names that are UTF-8 only")]
fn native_headers(headers: &[Header]) -> Option<OwnedHeaders> {
    if headers.is_empty() {
        return None;
    }
    let list = OwnedHeaders::new_with_capacity(headers.len());
    // A borrowed list is librdkafka's own, behind a type without content.
    let raw = ptr::from_ref(list.as_borrowed()).cast_mut().cast::<native::rd_kafka_headers_t>();
    for (name, value) in headers {
        let (bytes, size) = value.as_ref().map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
        // SAFETY: the list is alive and nobody else holds it; librdkafka copies both name and value. It fails
        // for read-only lists only, which this one is not.
        unsafe {
            native::rd_kafka_header_add(
                raw,
                name.as_ptr().cast(),
                name.len().cast_signed(),
                bytes.cast(),
                size.cast_signed(),
            );
        }
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(message: &Message) -> Vec<&str> {
        message.headers.iter().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect()
    }

    fn message(kind: Kind) -> Message {
        Message {
            topic: "t".into(),
            key: Some(b"k".to_vec()),
            payload: Some(b"p".to_vec()),
            timestamp: Some(7),
            headers: vec![header("own", "1"), header("__dlq.errors.topic", "t")],
            record: "t/0/1".to_owned(),
            kind,
        }
    }

    const SIZE: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
    const TIME: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::InvalidTimestamp);

    #[test]
    fn a_refused_dead_letter_shrinks_to_its_coordinates_and_no_further() {
        let whole = message(Kind::DeadLetter { own_headers: 1 });
        let empty = whole.reduced(&SIZE).unwrap();
        assert_eq!((empty.payload.is_some(), empty.key.is_some(), empty.timestamp), (false, true, Some(7)));
        assert_eq!(names(&empty), ["own", "__dlq.errors.topic", PAYLOAD]);
        let unstamped = empty.reduced(&TIME).unwrap();
        assert_eq!((unstamped.timestamp, unstamped.key.is_some()), (None, true));
        assert_eq!(names(&unstamped), ["own", "__dlq.errors.topic", PAYLOAD]);
        let bare = unstamped.reduced(&SIZE).unwrap();
        assert_eq!((&bare.key, &bare.payload), (&None, &None));
        assert_eq!(names(&bare), ["__dlq.errors.topic", PAYLOAD]);
        assert!(bare.reduced(&SIZE).is_none());
    }

    #[test]
    fn a_refused_status_event_loses_its_timestamp_only() {
        let unstamped = message(Kind::StatusEvent).reduced(&TIME).unwrap();
        assert_eq!(names(&unstamped), ["own", "__dlq.errors.topic"]);
        assert_eq!((unstamped.timestamp, &unstamped.payload), (None, &Some(b"p".to_vec())));
        assert!(unstamped.reduced(&TIME).is_none());
        assert!(message(Kind::StatusEvent).reduced(&SIZE).is_none());
    }
}
