//! One try at a batch's transaction, told as spans once it is known what became of it.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, TraceState};
use opentelemetry_sdk::trace::{SpanData, SpanLinks};

use super::queue::Queue;
use super::spans::{self, Ids};
use super::{Statements, Traces};
use crate::fault::Fault;
use crate::outcome::Told;
use crate::trace_context::TraceContext;

/// A try that has spans: one of its records is sampled.
pub(crate) struct Tried {
    traces: Arc<Traces>,
    ids: Ids,
    begun: SystemTime,
    statements: Arc<Statements>,
}

/// What was tried.
pub(crate) struct Work<'a> {
    pub(crate) topic: &'a Arc<str>,
    /// The partition, where all records are of one.
    pub(crate) partition: Option<i32>,
    /// How many records.
    pub(crate) records: usize,
    /// When they were taken off their lane, or claimed.
    pub(crate) taken: SystemTime,
    /// Whether they had been set aside.
    pub(crate) retried: bool,
    /// Why nothing of it was kept; none where it was committed.
    pub(crate) fault: Option<&'a Fault>,
}

impl Tried {
    /// Begins a try; none where nobody will see it.
    pub(crate) fn begin<'a>(
        traces: Option<&Arc<Traces>>,
        mut records: impl Iterator<Item = &'a TraceContext>,
    ) -> Option<Self> {
        let traces = traces?;
        records.any(|trace| trace.sampled).then(|| Self {
            traces: traces.clone(),
            ids: Ids::draw(),
            begun: SystemTime::now(),
            statements: Arc::default(),
        })
    }

    /// With statements that were sent before it was known which records they are about.
    pub(crate) fn after(self, begun: SystemTime, statements: Arc<Statements>) -> Self {
        Self { begun, statements, ..self }
    }

    /// Notes the transaction's statements.
    pub(crate) fn statements(&self) -> Arc<Statements> {
        self.statements.clone()
    }

    /// Tells of the try as far as there is room: its own span, its statements', and, where it was committed, those
    /// of its sampled records. What was rolled back has no record's span: its records are tried again.
    pub(crate) fn end<'a>(self, work: &Work<'_>, records: impl Iterator<Item = Told<'a>>) {
        let Self { traces, ids, begun, statements } = self;
        let (queue, words) = (&traces.queue, &traces.words);
        let records: Vec<Told<'a>> = records.filter(|told| told.context.trace.sampled).collect();
        let statements = statements.take();
        let links = records.len().min(traces.link_limit);
        let own = Queue::room_of(links);
        let applied = records.iter().filter(|told| told.outcome.is_some()).count();
        let room = queue.reserve(own + statements.len() + applied);
        let Some(mut room) = room.checked_sub(own) else {
            queue.give_back(room);
            queue.lose(1 + statements.len() + applied);
            return;
        };
        let wanted = 1 + statements.len() + applied;
        let mut spans: Vec<SpanData> = Vec::with_capacity(room + 1);
        spans.push(words.batch(ids, begun, work, linked(&records, links)));
        let noted = statements.into_iter().map(|ended| words.statement(ids, ended));
        let told = records.iter().filter_map(|told| Some(words.record(told, told.outcome?, work, ids)));
        for span in noted.chain(told).take(room) {
            // A record's own links are two at most: no room of theirs.
            room -= Queue::room_of(span.links.len());
            spans.push(span);
        }
        queue.give_back(room);
        queue.lose(wanted - spans.len());
        queue.push(spans);
    }
}

/// Links to the spans of the first of these records.
fn linked(records: &[Told<'_>], most: usize) -> SpanLinks {
    let own = |told: &Told<'_>| {
        let trace = &told.context.trace;
        SpanContext::new(trace.trace_id, trace.span_id, trace.flags(), false, TraceState::NONE)
    };
    let mut links = spans::all(records.iter().take(most).map(own));
    links.dropped_count = u32::try_from(records.len() - most).unwrap_or(u32::MAX);
    links
}
