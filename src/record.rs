//! A Kafka record that the worker owns: one allocation, so that a full queue costs what it holds.

use std::fmt;
use std::sync::Arc;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.topic, self.number)
    }
}

/// A header as the producer wrote it; a value may be absent.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// What an owned record costs beside its bytes: the struct and the allocator's share, in bytes.
const OVERHEAD: usize = 96;

/// Marks an absent key, payload or header value.
const ABSENT: u32 = u32::MAX;

/// A record: offset, timestamp, and key, payload and headers in one block of memory.
#[derive(Clone)]
pub struct Record {
    /// The record's offset in its partition.
    pub offset: i64,
    /// The producer's or the broker's timestamp, in milliseconds since 1970; none where the topic has none.
    pub timestamp: Option<i64>,
    key_length: u32,
    payload_length: u32,
    /// Key, payload, then each header: length and bytes of its name, length and bytes of its value.
    bytes: Box<[u8]>,
}

impl Record {
    /// Copies a record. The header iterator is walked twice: once to size the block, once to fill it.
    #[must_use]
    pub fn new<'a>(
        offset: i64,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
        headers: impl Iterator<Item = Header<'a>> + Clone,
    ) -> Self {
        let header_bytes: usize =
            headers.clone().map(|(name, value)| 8 + name.len() + value.map_or(0, <[u8]>::len)).sum();
        let mut bytes =
            Vec::with_capacity(key.map_or(0, <[u8]>::len) + payload.map_or(0, <[u8]>::len) + header_bytes);
        bytes.extend_from_slice(key.unwrap_or_default());
        bytes.extend_from_slice(payload.unwrap_or_default());
        for (name, value) in headers {
            bytes.extend_from_slice(&length(Some(name)).to_le_bytes());
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(&length(value).to_le_bytes());
            bytes.extend_from_slice(value.unwrap_or_default());
        }
        Self {
            offset,
            timestamp,
            key_length: length(key),
            payload_length: length(payload),
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// The key's bytes; none where the producer sent none.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        (self.key_length != ABSENT).then(|| &self.bytes[..size(self.key_length)])
    }

    /// The payload's bytes; none for a tombstone.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        let start = size(self.key_length);
        (self.payload_length != ABSENT).then(|| &self.bytes[start..start + size(self.payload_length)])
    }

    /// The headers in the producer's order, repeated names included.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers { rest: &self.bytes[size(self.key_length) + size(self.payload_length)..] }
    }

    /// The values of the headers of this name, whatever the case of its ASCII letters.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .filter_map(|(_, value)| value)
    }

    /// The key as text for people: invalid UTF-8 and control characters replaced, at most 255 characters.
    #[must_use]
    pub fn key_text(&self) -> String {
        clean_text(&String::from_utf8_lossy(self.key().unwrap_or_default()))
    }

    /// What the record costs in memory, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// Walks a record's headers.
#[derive(Clone)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    #[expect(clippy::option_option, reason = "no further value, and a value that is absent, are two things")]
    fn take(&mut self) -> Option<Option<&'a [u8]>> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let (value, rest) = rest.split_at_checked(size(length))?;
        self.rest = rest;
        Some((length != ABSENT).then_some(value))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.take()?.unwrap_or_default();
        Some((name, self.take()?))
    }
}

/// Makes text safe for a `text` column and a terminal: control characters (NUL among them) become U+FFFD,
/// and what passes 255 characters is cut.
#[must_use]
pub fn clean_text(text: &str) -> String {
    text.chars()
        .take(255)
        .map(|character| if character.is_control() { '\u{FFFD}' } else { character })
        .collect()
}

// Kafka's own lengths are 32-bit signed, so a length never reaches the mark.
fn length(bytes: Option<&[u8]>) -> u32 {
    bytes.map_or(ABSENT, |bytes| u32::try_from(bytes.len()).unwrap_or(ABSENT - 1))
}

fn size(length: u32) -> usize {
    if length == ABSENT { 0 } else { length as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Part = Option<Vec<u8>>;

    proptest! {
        #[test]
        fn a_record_gives_back_what_it_was_made_of(
            key: Part, payload: Part, headers: Vec<(Vec<u8>, Part)>,
        ) {
            let record = Record::new(
                7,
                Some(1),
                key.as_deref(),
                payload.as_deref(),
                headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())),
            );
            prop_assert_eq!(record.key(), key.as_deref());
            prop_assert_eq!(record.payload(), payload.as_deref());
            let found: Vec<(Vec<u8>, Part)> = record
                .headers()
                .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
                .collect();
            prop_assert_eq!(found, headers);
        }
    }

    #[test]
    fn header_names_compare_without_case() {
        let headers: [Header<'_>; 3] =
            [(b"Baggage", Some(b"a=1")), (b"other", None), (b"BAGGAGE", Some(b"b=2"))];
        let record = Record::new(0, None, None, None, headers.into_iter());
        let found: Vec<&[u8]> = record.header_values("baggage").collect();
        assert_eq!(found, [b"a=1", b"b=2"]);
    }

    #[test]
    fn a_hostile_key_becomes_plain_text() {
        let record = Record::new(0, None, Some(b"a\0b\n\xff"), None, std::iter::empty());
        assert_eq!(record.key_text(), "a\u{FFFD}b\u{FFFD}\u{FFFD}");
    }
}
