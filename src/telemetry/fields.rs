//! The fields of a span or an event, encoded once, when they are recorded.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};

use super::{Format, escape};

/// The field whose text is already JSON; only `crate::baggage::BaggageForLog` produces it.
const RAW_JSON: &str = "baggageMembers";

/// Encoded fields in one text, with the name and the end of each.
///
/// In [`Format::Json`] a piece is `,"name":value`, in [`Format::Pretty`] the escaped value alone.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: String,
    marks: Vec<Mark>,
    /// One bit a name, so that a name that is not here is mostly recognised without a comparison.
    names: u64,
}

#[derive(Debug)]
struct Mark {
    name: &'static str,
    end: usize,
}

impl Fields {
    pub(super) fn with_capacity(text: usize, fields: usize) -> Self {
        Self { text: String::with_capacity(text), marks: Vec::with_capacity(fields), names: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.marks.clear();
        self.names = 0;
    }

    /// All pieces.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a name of `other` may be here too.
    pub(super) fn may_overlap(&self, other: &Fields) -> bool {
        self.names & other.names != 0
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names & bit(name) != 0 && self.marks.iter().any(|mark| mark.name == name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        if self.names & bit(name) == 0 {
            return None;
        }
        self.iter().find_map(|(here, piece)| (here == name).then_some(piece))
    }

    /// The first name, if there is one.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.marks.first().map(|mark| mark.name)
    }

    /// Names and pieces, in the order of recording.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut start = 0;
        self.marks.iter().map(move |mark| {
            let piece = self.text.get(start..mark.end).unwrap_or_default();
            start = mark.end;
            (mark.name, piece)
        })
    }

    /// Takes an earlier value of `name` out: the later one counts.
    fn remove(&mut self, name: &str) {
        let Some(index) = self.marks.iter().position(|mark| mark.name == name) else { return };
        let start = index.checked_sub(1).and_then(|before| self.marks.get(before)).map_or(0, |mark| mark.end);
        let end = self.marks.remove(index).end;
        self.text.drain(start..end);
        for mark in self.marks.iter_mut().skip(index) {
            mark.end -= end - start;
        }
    }
}

const NAMES_TO_CHANGE: u64 = bit("message") | bit("time") | bit("level") | bit("msg") | bit("target");

/// Which of 64 bits stands for a name; the names of a record's line all differ.
const fn bit(name: &str) -> u64 {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return 1;
    }
    let (first, middle, last) =
        (bytes[0] as usize, bytes[bytes.len() / 2] as usize, bytes[bytes.len() - 1] as usize);
    1 << ((first + middle * 2 + last * 11 + bytes.len()) % 64)
}

/// Encodes what a span or an event records into its [`Fields`].
pub(super) struct Recorder<'a> {
    pub(super) fields: &'a mut Fields,
    pub(super) format: Format,
    /// An event's `message` is the line's `msg`.
    pub(super) is_event: bool,
    /// Whether this crate wrote the callsite, and so its [`RAW_JSON`].
    pub(super) is_own: bool,
}

impl Recorder<'_> {
    /// The name as the line has it; the line's own names are never given away.
    fn name(&self, name: &'static str) -> &'static str {
        match name {
            "message" if self.is_event => "msg",
            "time" => "field.time",
            "level" => "field.level",
            "msg" => "field.msg",
            "target" => "field.target",
            name => name.strip_prefix("r#").unwrap_or(name),
        }
    }

    /// Adds a value that needs neither quotes nor escapes.
    fn bare(&mut self, field: &Field, value: impl FnOnce(&mut String) -> fmt::Result) {
        let mut name = field.name();
        if bit(name) & NAMES_TO_CHANGE != 0 || name.as_bytes().get(1) == Some(&b'#') {
            name = self.name(name);
        }
        let bit = bit(name);
        if self.fields.names & bit != 0 {
            self.fields.remove(name);
        }
        let text = &mut self.fields.text;
        if self.format == Format::Json {
            text.push_str(",\"");
            let start = text.len();
            text.push_str(name);
            if !self.is_own {
                escape::tail(text, start, self.format);
            }
            text.push_str("\":");
        }
        // Only a value's own `Display` or `Debug` can fail here: what it wrote until then stays.
        let _ = value(text);
        let end = text.len();
        self.fields.names |= bit;
        self.fields.marks.push(Mark { name, end });
    }

    /// Adds a value as text.
    fn text(&mut self, field: &Field, value: impl FnOnce(&mut String) -> fmt::Result) {
        let format = self.format;
        let quote = if format == Format::Json { "\"" } else { "" };
        self.bare(field, |out| {
            out.push_str(quote);
            let start = out.len();
            let written = value(out);
            escape::tail(out, start, format);
            out.push_str(quote);
            written
        });
    }

    fn is_raw(&self, field: &Field) -> bool {
        self.is_own && self.format == Format::Json && field.name() == RAW_JSON
    }
}

impl Visit for Recorder<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field, |out| write!(out, "{value:?}"));
        } else {
            // JSON has no such number.
            self.text(field, |out| write!(out, "{value}"));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, |out| {
            out.push_str(if value < 0 { "-" } else { "" });
            push_digits(out, value.unsigned_abs());
            Ok(())
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, |out| {
            push_digits(out, value);
            Ok(())
        });
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.bare(field, |out| write!(out, "{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.bare(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, |out| write!(out, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |out| out.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, |out| {
            write!(out, "{value}")?;
            let mut cause = value.source();
            while let Some(error) = cause {
                write!(out, ": {error}")?;
                cause = error.source();
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.is_raw(field) {
            self.bare(field, |out| write!(out, "{value:?}"));
        } else {
            self.text(field, |out| write!(out, "{value:?}"));
        }
    }
}

/// Several times as fast as `Display`, for the numbers that every line has.
fn push_digits(out: &mut String, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit += (value % 10) as u8;
        start = index;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[start..]).unwrap_or_default());
}
