//! One line for a person's terminal: time, level, booking and what happened in columns, then what tells more.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Level;
use unicode_width::UnicodeWidthStr as _;

use super::clock::Clock;
use super::layer::{Entry, Spans};

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// Fields that have a place of their own, or none on a terminal.
const PLACED: [&str; 11] = [
    "msg",
    "bookingId",
    "outcome",
    "reason",
    "topic",
    "partition",
    "offset",
    "baggage",
    "baggageMembers",
    "traceId",
    "spanId",
];
/// As much of a trace's id as tells one from another on a screen.
const TRACE_ID_SHOWN: usize = 8;

/// The longest booking id that the column grows for, a UUID's length; a longer one moves its own line only.
const WIDEST: usize = 36;

/// How lines for a terminal look.
#[derive(Debug, Default)]
pub(super) struct Style {
    pub(super) colours: bool,
    /// The width of the column of booking ids: of the longest so far. No column before the first one.
    pub(super) booking: AtomicUsize,
}

/// Appends the line. Values are escaped already, when they are recorded.
pub(super) fn compose(clock: &mut Clock, line: &mut String, entry: &Entry<'_>, style: &Style) {
    let mut painter = Painter { line, colours: style.colours };
    painter.paint(DIM, |line| clock.write_short(line));
    painter.line.push(' ');
    let level = *entry.metadata.level();
    painter.paint(colour(level), |line| push(line, format_args!("{level:>5}")));
    push_booking(&mut painter, entry.find("bookingId").unwrap_or_default(), &style.booking);
    if let Some(target) = entry.foreign_target() {
        painter.line.push(' ');
        painter.paint(DIM, |line| push(line, format_args!("{target}:")));
    }
    let message = entry.find("msg").unwrap_or_default();
    painter.line.push(' ');
    painter.paint(BOLD, |line| line.push_str(message));
    push_record(&mut painter, entry, message);
    push_others(&mut painter, entry);
    if let Some(trace_id) = entry.find("traceId") {
        let shown = trace_id.get(..TRACE_ID_SHOWN).unwrap_or(trace_id);
        painter.line.push(' ');
        painter.paint(DIM, |line| push(line, format_args!("trace={shown}")));
    }
    if let Some(baggage) = entry.find("baggage") {
        painter.line.push(' ');
        painter.paint(DIM, |line| push(line, format_args!("[{baggage}]")));
    }
    painter.line.push('\n');
}

/// The booking, or a blank of its column's width: so that messages stand below each other.
fn push_booking(painter: &mut Painter<'_>, booking: &str, column: &AtomicUsize) {
    let own = booking.width();
    let counted = if own <= WIDEST { own } else { 0 };
    let width = column.fetch_max(counted, Ordering::Relaxed).max(own);
    if width == 0 {
        return;
    }
    painter.line.push(' ');
    if own > 0 {
        painter.paint(CYAN, |line| line.push_str(booking));
    }
    painter.line.extend(std::iter::repeat_n(' ', width - own));
}

/// The outcome where the message does not say it, its reason, and where the record lies.
fn push_record(painter: &mut Painter<'_>, entry: &Entry<'_>, message: &str) {
    for name in ["outcome", "reason"] {
        if let Some(value) = entry.find(name).filter(|value| !message.contains(value)) {
            push(painter.line, format_args!(" {value}"));
        }
    }
    match (entry.find("topic"), entry.find("partition"), entry.find("offset")) {
        (Some(topic), Some(partition), Some(offset)) => {
            push(painter.line, format_args!(" {topic}/{partition}@{offset}"));
        }
        (Some(topic), Some(partition), None) => push(painter.line, format_args!(" {topic}/{partition}")),
        (topic, partition, offset) => {
            for (name, value) in [("topic", topic), ("partition", partition), ("offset", offset)] {
                push_pair(painter, name, value);
            }
        }
    }
}

/// Whatever else was recorded, each name once.
fn push_others(painter: &mut Painter<'_>, entry: &Entry<'_>) {
    let is_other = |name: &str| !PLACED.contains(&name);
    for (name, value) in entry.event.iter().filter(|(name, _)| is_other(name)) {
        push_pair(painter, name, Some(value));
    }
    for span in entry.spans.into_iter().flat_map(Spans::iter) {
        let overruled = |name: &str| {
            entry.event.has(name)
                || span.inner.into_iter().flat_map(Spans::iter).any(|deeper| deeper.fields.has(name))
        };
        for (name, value) in span.fields.iter().filter(|(name, _)| is_other(name) && !overruled(name)) {
            push_pair(painter, name, Some(value));
        }
    }
}

/// ` name=value`, in quotes where it would not read as one word.
fn push_pair(painter: &mut Painter<'_>, name: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    painter.line.push(' ');
    painter.paint(DIM, |line| push(line, format_args!("{name}=")));
    if value.is_empty() || value.contains([' ', '=']) {
        push(painter.line, format_args!("\"{value}\""));
    } else {
        painter.line.push_str(value);
    }
}

impl Entry<'_> {
    /// The innermost value of `name`.
    fn find(&self, name: &str) -> Option<&str> {
        let in_spans =
            || self.spans.into_iter().flat_map(Spans::iter).filter_map(|span| span.fields.get(name)).last();
        self.event.get(name).or_else(in_spans)
    }
}

struct Painter<'a> {
    line: &'a mut String,
    colours: bool,
}

impl Painter<'_> {
    fn paint(&mut self, style: &str, content: impl FnOnce(&mut String)) {
        if self.colours {
            self.line.push_str(style);
        }
        content(self.line);
        if self.colours {
            self.line.push_str(RESET);
        }
    }
}

fn push(line: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = line.write_fmt(text);
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}
