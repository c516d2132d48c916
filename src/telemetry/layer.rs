//! The layer that turns spans and events into log lines.
//!
//! A layer of its own because tracing-subscriber's `json()` can neither name its fields `time` and
//! `msg` nor nest the baggage's members, and costs three times as much a line: it keeps a span's fields
//! as JSON and parses and prints them again for every event. Here they are encoded once, when recorded,
//! and an event copies them.

use std::cell::Cell;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::clock::Clock;
use super::fields::{Fields, Recorder};
use super::pretty::Style;
use super::{Format, json, pretty};

/// The text that a record's span usually grows to.
const SPAN_TEXT: usize = 512;
/// A thread keeps its buffers from line to line unless one grew past this.
const SCRATCH_LIMIT: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// A thread's buffers.
#[derive(Default)]
struct Scratch {
    clock: Clock,
    event: Fields,
    line: String,
}

/// Takes finished lines.
pub(super) trait Output: Send + Sync + 'static {
    /// Takes one line, its line break included.
    fn append(&self, line: &str);
}

/// What a line is composed of.
pub(super) struct Entry<'a> {
    pub(super) metadata: &'static Metadata<'static>,
    pub(super) event: &'a Fields,
    pub(super) spans: Option<&'a Spans<'a>>,
}

impl Entry<'_> {
    /// The target, where it tells something: lines of other crates.
    pub(super) fn foreign_target(&self) -> Option<&'static str> {
        (!is_own(self.metadata)).then_some(self.metadata.target())
    }
}

/// The spans around an event, as a list that begins at the root.
#[derive(Clone, Copy)]
pub(super) struct Spans<'a> {
    pub(super) fields: &'a Fields,
    pub(super) inner: Option<&'a Spans<'a>>,
}

impl<'a> Spans<'a> {
    /// This span and those inside it.
    pub(super) fn iter(&'a self) -> impl Iterator<Item = &'a Spans<'a>> {
        std::iter::successors(Some(self), |spans| spans.inner)
    }
}

/// Formats lines and hands them to its output.
pub(super) struct LogLayer<O> {
    pub(super) format: Format,
    /// For [`Format::Pretty`].
    pub(super) style: Style,
    pub(super) output: O,
}

impl<O: Output> LogLayer<O> {
    fn recorder<'a>(&self, metadata: &Metadata<'_>, fields: &'a mut Fields) -> Recorder<'a> {
        Recorder { fields, format: self.format, is_event: metadata.is_event(), is_own: is_own(metadata) }
    }

    fn compose(&self, clock: &mut Clock, line: &mut String, entry: &Entry<'_>) {
        match self.format {
            Format::Json => json::compose(clock, line, entry),
            Format::Pretty => pretty::compose(clock, line, entry, &self.style),
        }
    }
}

impl<S, O> Layer<S> for LogLayer<O>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    O: Output,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::with_capacity(SPAN_TEXT, attributes.fields().len());
        attributes.record(&mut self.recorder(attributes.metadata(), &mut fields));
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Recorded outside the extensions' lock: a value's `Display` may log, too.
        let taken = span.extensions_mut().remove::<Fields>();
        let mut fields = taken.unwrap_or_default();
        values.record(&mut self.recorder(span.metadata(), &mut fields));
        span.extensions_mut().insert(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Taken, not borrowed: a value's `Display` that logs finds an empty one.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        let Scratch { clock, event: fields, line } = &mut scratch;
        fields.clear();
        line.clear();
        event.record(&mut self.recorder(event.metadata(), fields));
        let metadata = event.metadata();
        around(context.event_span(event), None, &mut |spans| {
            self.compose(clock, line, &Entry { metadata, event: fields, spans });
        });
        self.output.append(line);
        if line.capacity() <= SCRATCH_LIMIT {
            let _ = SCRATCH.try_with(|cell| cell.set(scratch));
        }
    }
}

/// Walks from the innermost span to the root and calls `compose` there, with the list of them all.
fn around<'a, S>(
    span: Option<SpanRef<'a, S>>,
    inner: Option<&Spans<'_>>,
    compose: &mut dyn FnMut(Option<&Spans<'_>>),
) where
    S: for<'lookup> LookupSpan<'lookup>,
{
    let Some(span) = span else { return compose(inner) };
    let extensions = span.extensions();
    let Some(fields) = extensions.get::<Fields>() else { return around(span.parent(), inner, compose) };
    around(span.parent(), Some(&Spans { fields, inner }), compose);
}

/// Whether this crate wrote the callsite.
fn is_own(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.strip_prefix("worker").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
