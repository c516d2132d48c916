//! W3C Baggage as a record brings it: parsed once, asked by routing, logged, and carried onward.
//!
//! Parsed here, by the text of <https://www.w3.org/TR/baggage/>, because the ready-made propagator
//! (`opentelemetry_sdk` 0.33) cuts a value at its second `=`, writes decoded properties back raw (so
//! that `%2C` forges a member and `%0D%0A` a header), drops a member over one bad byte, reads only
//! the first of several headers, and logs the sender's text at WARN.

mod for_log;
#[cfg(test)]
mod tests;

use std::ops::Range;

use percent_encoding::{CONTROLS, percent_decode_str, percent_encode};

pub use for_log::{BaggageForLog, LogKeys};

/// The most bytes that are kept of one record's baggage, as the specification asks at least.
pub const MAX_BYTES: usize = 8192;
/// The most members that are kept of one record's baggage, as the specification asks at least.
pub const MAX_MEMBERS: usize = 64;

/// The baggage of one record; empty baggage allocates nothing, any other about two blocks.
#[derive(Clone, Debug, Default)]
pub struct Baggage {
    /// The text to carry onward, and behind it those values that needed decoding.
    storage: String,
    text_end: u16,
    members: Vec<Member>,
}

/// Where a member's key and decoded value lie in the storage.
#[derive(Clone, Debug)]
struct Member {
    key: Slice,
    value: Slice,
    /// A later member has the same key.
    overruled: bool,
}

/// A range of the storage, which never grows past twice [`MAX_BYTES`].
#[derive(Clone, Debug)]
struct Slice {
    start: u16,
    end: u16,
}

impl Slice {
    fn new(range: Range<usize>) -> Self {
        Self { start: offset(range.start), end: offset(range.end) }
    }

    fn of<'a>(&self, storage: &'a str) -> &'a str {
        storage.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }
}

fn offset(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

impl Baggage {
    /// Reads the values of all `baggage` headers, in order, as one list.
    ///
    /// Never fails: a member without `=` or whose key is no token is skipped. A member that would
    /// exceed [`MAX_BYTES`] is left out whole, and so is every one after [`MAX_MEMBERS`].
    #[must_use]
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut baggage = Self::default();
        for header in headers {
            baggage.storage.reserve(header.len().min(MAX_BYTES));
            for member in header.split(|&byte| byte == b',') {
                if baggage.members.len() == MAX_MEMBERS {
                    break;
                }
                baggage.keep(trim(member));
            }
        }
        baggage.text_end = offset(baggage.storage.len());
        baggage.decode_values();
        baggage
    }

    /// Whether the record brought no usable member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The decoded value of `key`, compared case-sensitively.
    ///
    /// The specification leaves repeated keys to their readers. Here the last one wins: a service on
    /// the way that adds a member appends it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.distinct().find_map(|(name, value, _)| (name == key).then_some(value))
    }

    /// Every member's key and decoded value, in order, repeated keys included.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|member| (member.key.of(&self.storage), member.value.of(&self.storage)))
    }

    /// The header value to store and to send onward: the members as they came, properties included,
    /// joined with commas. Never longer than [`MAX_BYTES`] and free of control characters.
    #[must_use]
    pub fn text(&self) -> &str {
        self.storage.get(..usize::from(self.text_end)).unwrap_or_default()
    }

    /// What of it is to appear on a log line.
    #[must_use]
    pub fn for_log<'a>(&'a self, keys: &'a LogKeys) -> BaggageForLog<'a> {
        BaggageForLog::new(self, keys)
    }

    /// Each key once, with its winning value, and whether that was percent-encoded.
    fn distinct(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.members.iter().filter(|member| !member.overruled).map(|member| {
            let decoded = member.value.start >= self.text_end;
            (member.key.of(&self.storage), member.value.of(&self.storage), decoded)
        })
    }

    /// Appends one trimmed member to the text, or skips it.
    fn keep(&mut self, member: &[u8]) {
        let before = self.storage.len();
        let pair = member.split(|&byte| byte == b';').next().unwrap_or_default();
        let Some(equals) = pair.iter().position(|&byte| byte == b'=') else { return };
        let key = trim(&pair[..equals]);
        let comma = if before > 0 { "," } else { "" };
        if !is_token(key) || before + comma.len() + member.len() > MAX_BYTES {
            return;
        }
        self.storage.push_str(comma);
        let start = self.storage.len();
        let value = match clean(member) {
            Some(text) => {
                self.storage.push_str(text);
                let lead = pair[equals + 1..].iter().take_while(|byte| is_blank(**byte)).count();
                let value_start = start + equals + 1 + lead;
                value_start..value_start + trim(&pair[equals + 1..]).len()
            }
            None => self.repair(member, key.len()),
        };
        if self.storage.len() > MAX_BYTES {
            self.storage.truncate(before);
            return;
        }
        let key = Slice::new(start..start + key.len());
        for earlier in &mut self.members {
            earlier.overruled |= earlier.key.of(&self.storage) == key.of(&self.storage);
        }
        self.members.push(Member { key, value: Slice::new(value), overruled: false });
    }

    /// Appends a member that holds control characters or bad UTF-8, with these percent-encoded: that
    /// decodes to the same value and cannot break the header, the ledger's row or a terminal.
    fn repair(&mut self, member: &[u8], key_length: usize) -> Range<usize> {
        let value_start = self.storage.len() + key_length + 1;
        let mut value_end = value_start;
        for (index, part) in member.split(|&byte| byte == b';').map(trim).enumerate() {
            if index > 0 {
                self.storage.push(';');
            }
            let mut sides = part.splitn(2, |&byte| byte == b'=').map(trim);
            self.storage.extend(percent_encode(sides.next().unwrap_or_default(), CONTROLS));
            if let Some(value) = sides.next() {
                self.storage.push('=');
                self.storage.extend(percent_encode(value, CONTROLS));
            }
            if index == 0 {
                value_end = self.storage.len();
            }
        }
        value_start..value_end
    }

    /// Appends the decoded form of each value that has one, behind the text.
    fn decode_values(&mut self) {
        for member in &mut self.members {
            let value = member.value.of(&self.storage);
            if value.contains('%') {
                let decoded = percent_decode_str(value).decode_utf8_lossy().into_owned();
                let start = self.storage.len();
                self.storage.push_str(&decoded);
                member.value = Slice::new(start..self.storage.len());
            }
        }
    }
}

/// The member as text, unless it holds bad UTF-8 or a control character (a tab among them).
fn clean(member: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(member).ok()?;
    let is_harmless = |character: char| !character.is_control();
    (text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || text.chars().all(is_harmless)).then_some(text)
}

/// RFC 7230's `token`.
fn is_token(key: &[u8]) -> bool {
    let is_token_byte = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_'
                    | b'.'
                    | b'!'
                    | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'^'
                    | b'`'
                    | b'|'
                    | b'~'
            )
    };
    !key.is_empty() && key.iter().all(is_token_byte)
}

/// Optional white space (`OWS`): blanks and tabs, nothing else.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}
