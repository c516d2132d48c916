//! One line as one JSON object: `time`, `level`, `msg`, the event's fields, the spans' fields.

use super::clock::Clock;
use super::escape;
use super::fields::Fields;
use super::layer::{Entry, Spans};

/// Appends the line. Of a name that occurs more than once the innermost value counts.
pub(super) fn compose(clock: &mut Clock, line: &mut String, entry: &Entry<'_>) {
    line.push_str("{\"time\":\"");
    clock.write_full(line);
    line.push_str("\",\"level\":\"");
    line.push_str(entry.metadata.level().as_str());
    line.push('"');
    push_event(line, entry.event);
    for span in entry.spans.into_iter().flat_map(Spans::iter) {
        push_span(line, span, entry.event);
    }
    if let Some(target) = entry.foreign_target() {
        line.push_str(",\"target\":\"");
        // A String takes everything.
        let _ = escape::json(line, target);
        line.push('"');
    }
    line.push_str("}\n");
}

/// The event's fields with `msg` in front, where tracing's macros have it already.
fn push_event(line: &mut String, event: &Fields) {
    if event.first() == Some("msg") {
        line.push_str(event.text());
        return;
    }
    line.push_str(event.get("msg").unwrap_or(",\"msg\":\"\""));
    for (_, piece) in event.iter().filter(|(name, _)| *name != "msg") {
        line.push_str(piece);
    }
}

fn push_span(line: &mut String, span: &Spans<'_>, event: &Fields) {
    let inner = || span.inner.into_iter().flat_map(Spans::iter).map(|spans| spans.fields);
    let overlaps = |deeper: &Fields| deeper.may_overlap(span.fields);
    if !overlaps(event) && !inner().any(overlaps) {
        line.push_str(span.fields.text());
        return;
    }
    for (name, piece) in span.fields.iter() {
        if !event.has(name) && !inner().any(|deeper| deeper.has(name)) {
            line.push_str(piece);
        }
    }
}
