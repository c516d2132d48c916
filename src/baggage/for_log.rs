//! A record's baggage as its log lines show it: decoded, an allow-list of keys, capped.

use std::fmt::{self, Display, Formatter, Write};

use super::Baggage;
use crate::telemetry::escape;

/// The most bytes of one value that a log line shows.
pub(super) const MAX_VALUE_BYTES: usize = 256;
/// The most bytes of baggage that a log line shows, before JSON's escapes.
pub(super) const MAX_TEXT_BYTES: usize = 1024;

/// Marks a value that was cut.
const CUT: &str = "…";

/// Which baggage keys log lines show: the setting `BAGGAGE_LOG_KEYS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogKeys {
    /// Every key.
    #[default]
    All,
    /// These keys, compared case-sensitively.
    Only(Vec<String>),
}

impl LogKeys {
    fn allow(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.iter().any(|allowed| allowed == key),
        }
    }
}

impl From<Option<Vec<String>>> for LogKeys {
    /// `None`, the unset setting, means every key.
    fn from(setting: Option<Vec<String>>) -> Self {
        setting.map_or(Self::All, Self::Only)
    }
}

/// Baggage for the fields `baggage` and `baggageMembers` of a log line.
///
/// Properties are left out, a repeated key appears once, a value is cut at 256 bytes, and a
/// member that would exceed 1,024 bytes in total is left out.
#[derive(Clone, Copy, Debug)]
pub struct BaggageForLog<'a> {
    baggage: &'a Baggage,
    keys: &'a LogKeys,
}

/// One member as it is shown.
struct Shown<'a> {
    key: &'a str,
    value: &'a str,
    cut: &'static str,
    commas: bool,
}

impl<'a> BaggageForLog<'a> {
    pub(super) fn new(baggage: &'a Baggage, keys: &'a LogKeys) -> Self {
        Self { baggage, keys }
    }

    /// Whether there is nothing to show; the line then has neither field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown().next().is_none()
    }

    /// `tenant=acme,note=café`: for the field `baggage`. A comma inside a value stays `%2C`, so that
    /// no value can pass for a member; the log escapes control characters.
    #[must_use]
    pub fn text(self) -> impl Display + 'a {
        Text(self)
    }

    /// `{"tenant":"acme","note":"café"}`: for the field `baggageMembers`, which the log writes as it is.
    #[must_use]
    pub fn members_json(self) -> impl Display + 'a {
        MembersJson(self)
    }

    /// Each member that is shown, once, its value cut and escaped as on a line of a terminal.
    pub fn members(self) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
        self.shown().map(|Shown { key, value, cut, .. }| {
            let mut text = String::with_capacity(value.len() + cut.len());
            // A String takes everything.
            let _ = escape::terminal(&mut text, value);
            text.push_str(cut);
            (key, text)
        })
    }

    fn shown(&self) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let keys = self.keys;
        let mut room = MAX_TEXT_BYTES;
        self.baggage.distinct().filter(|(key, ..)| keys.allow(key)).filter_map(
            move |(key, value, decoded)| {
                let end = value.floor_char_boundary(MAX_VALUE_BYTES);
                let cut = if end < value.len() { CUT } else { "" };
                let value = value.get(..end).unwrap_or_default();
                // A comma that was not encoded would have ended the member.
                let commas = if decoded { value.bytes().filter(|&byte| byte == b',').count() } else { 0 };
                room = room.checked_sub(key.len() + "=,".len() + value.len() + 2 * commas + cut.len())?;
                Some(Shown { key, value, cut, commas: commas > 0 })
            },
        )
    }
}

struct Text<'a>(BaggageForLog<'a>);

impl Display for Text<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for (index, Shown { key, value, cut, commas }) in self.0.shown().enumerate() {
            if index > 0 {
                formatter.write_char(',')?;
            }
            formatter.write_str(key)?;
            formatter.write_char('=')?;
            if commas {
                formatter.write_str(&value.replace(',', "%2C"))?;
            } else {
                formatter.write_str(value)?;
            }
            if !cut.is_empty() {
                formatter.write_str(cut)?;
            }
        }
        Ok(())
    }
}

struct MembersJson<'a>(BaggageForLog<'a>);

impl Display for MembersJson<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_char('{')?;
        for (index, Shown { key, value, cut, .. }) in self.0.shown().enumerate() {
            formatter.write_str(if index > 0 { ",\"" } else { "\"" })?;
            // A token: it holds nothing that JSON escapes.
            formatter.write_str(key)?;
            formatter.write_str("\":\"")?;
            escape::json(formatter, value)?;
            formatter.write_str(if cut.is_empty() { "\"" } else { "…\"" })?;
        }
        formatter.write_char('}')
    }
}
