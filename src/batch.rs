//! A batch on its way: each record decoded, with its span, and whatever is already settled about it.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;
use std::time::SystemTime;

use opentelemetry::trace::SpanContext;
use tracing::Span;

use crate::context::Context;
use crate::fault::{Cause, Fault};
use crate::handler::Handler;
use crate::outcome::{Decision, Outcome, Told};
use crate::record::{Partition, Record};
use crate::shared::Shared;
use crate::store::Transaction;
use crate::store::held::Behind;

/// Why a record waits that comes after one of its subject which waits itself.
pub(crate) const QUEUED: &str = "queued";

/// The reasons with which records of a topic wait for nothing but their turn or their subject: once it is there, they go
/// first, in the order in which they came.
pub(crate) fn turns<H: Handler>() -> Vec<&'static str> {
    iter::once(QUEUED).chain(H::AWAITS_SUBJECT).collect()
}

/// A record that is to be decided about.
pub(crate) struct Taken<'b> {
    pub(crate) record: &'b Record,
    pub(crate) partition: &'b Partition,
    /// The span of its first try; none where this is it.
    pub(crate) first_try: Option<&'b SpanContext>,
    /// What it was filed under while it waited; the handler may have found a better name than the event's.
    pub(crate) subject: Option<&'b str>,
    /// Whether the group has taken it to be its own before, or a person says that it is.
    pub(crate) is_own: bool,
}

/// One record of a batch.
pub(crate) struct Item<'b, E> {
    pub(crate) record: &'b Record,
    pub(crate) context: Context<'b>,
    span: Span,
    event: Option<E>,
    /// What the record is about, where no event says so.
    subject: String,
    /// What it was filed under while it waited.
    filed: Option<&'b str>,
    /// The outcome, where it needs no handler.
    settled: Option<Outcome>,
}

/// Records of one topic that are applied together, in the order in which they came.
pub(crate) struct Batch<'b, E> {
    /// When its records were taken.
    pub(crate) taken: SystemTime,
    items: Vec<Item<'b, E>>,
}

impl<'b, E> Batch<'b, E> {
    /// Decodes the records and opens their spans. Does not touch the database.
    pub(crate) fn prepare<H: Handler<Event = E>>(
        handler: &H,
        records: impl Iterator<Item = Taken<'b>>,
        shared: &'b Shared,
    ) -> Self {
        let taken = SystemTime::now();
        let items = records
            .map(|Taken { record, partition, first_try, subject: filed, is_own }| {
                let mut context = Context::of(record, partition, &shared.log_keys);
                if let Some(first_try) = first_try {
                    context.trace.or_continue(first_try);
                }
                if let Some(traces) = &shared.traces {
                    traces.sample(&mut context.trace);
                }
                let (event, mut subject, mut settled) = match handler.decode(record) {
                    Ok(event) => (Some(event), String::new(), None),
                    Err(mut invalid) => {
                        let subject = invalid.subject.take().unwrap_or_else(|| record.key_text());
                        (None, subject, Some(Outcome::Dead(invalid)))
                    }
                };
                let span = {
                    let named = event
                        .as_ref()
                        .map_or(Cow::Borrowed(&*subject), |event| handler.subject(event).into());
                    handler.span(&context, &named, event.as_ref())
                };
                if !is_own && !shared.divert.owns(&context.baggage) {
                    if let Some(event) = &event {
                        handler.subject(event).clone_into(&mut subject);
                    }
                    settled = Some(Outcome::Diverted);
                    return Item { record, context, span, event: None, subject, filed, settled };
                }
                Item { record, context, span, event, subject, filed, settled }
            })
            .collect();
        Self { taken, items }
    }

    pub(crate) fn items(&self, part: Range<usize>) -> &[Item<'b, E>] {
        &self.items[part]
    }

    /// Settles a record's outcome without its handler. False where it was settled before.
    pub(crate) fn settle(&mut self, index: usize, outcome: Outcome) -> bool {
        let item = &mut self.items[index];
        item.settled.replace(outcome).is_none()
    }

    /// Says in the log what became of each record of a part.
    pub(crate) fn report<H: Handler<Event = E>>(
        &self,
        handler: &H,
        part: Range<usize>,
        decisions: &[Decision],
    ) {
        for (item, decision) in self.items[part].iter().zip(decisions) {
            item.report(handler, decision);
        }
    }
}

impl<E> Item<'_, E> {
    /// The event, where the handler is to decide about it.
    fn event(&self) -> Option<&E> {
        if self.settled.is_some() { None } else { self.event.as_ref() }
    }

    /// Whether the record is dead whatever the handler would say.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.settled, Some(Outcome::Dead(_)))
    }

    /// The outcome, where the handler is not asked.
    fn settled(&self) -> Option<&Outcome> {
        self.settled.as_ref()
    }

    /// What the record is about.
    pub(crate) fn subject<'a, H: Handler<Event = E>>(&'a self, handler: &H) -> &'a str {
        match (self.filed, &self.event) {
            (Some(filed), _) => filed,
            (None, Some(event)) => handler.subject(event),
            (None, None) => &self.subject,
        }
    }

    /// What it is about once it is decided about: the decision may know a better name.
    pub(crate) fn decided_subject<'a, H: Handler<Event = E>>(
        &'a self,
        handler: &H,
        decision: &'a Decision,
    ) -> &'a str {
        decision.subject.as_deref().unwrap_or_else(|| self.subject(handler))
    }

    /// Says in the log what became of the record, inside its span.
    pub(crate) fn report<H: Handler<Event = E>>(&self, handler: &H, decision: &Decision) {
        let message = handler.message(&decision.outcome);
        let outcome = &decision.outcome;
        let (name, reason, detail) = (outcome.name(), outcome.reason(), outcome.detail());
        let subject = decision.subject.as_deref();
        self.span.in_scope(|| match outcome {
            Outcome::Applied(_) | Outcome::Duplicate | Outcome::Diverted => {
                tracing::info!(outcome = name, subject, "{message}");
            }
            Outcome::Rejected(_) | Outcome::Held(_) => {
                tracing::warn!(outcome = name, reason, subject, "{message}");
            }
            Outcome::Dead(_) => {
                tracing::error!(outcome = name, reason, detail, "{message}");
            }
        });
    }
}

/// What is told of these items; without decisions where nothing was kept.
pub(crate) fn told<'a, H: Handler>(
    handler: &'a H,
    items: &'a [Item<'_, H::Event>],
    decisions: &'a [Decision],
) -> impl DoubleEndedIterator<Item = Told<'a>> + Clone {
    items.iter().enumerate().map(|(index, item)| {
        let decision = decisions.get(index);
        let decided = decision.map(|decision| item.decided_subject(handler, decision));
        Told {
            record: item.record,
            context: &item.context,
            subject: decided.unwrap_or_else(|| item.subject(handler)),
            outcome: decision.map(|decision| &decision.outcome),
        }
    })
}

/// One decision for each item: the handler's, where the outcome is not settled without it. Items that queue
/// `behind` an earlier record of their subject are not the handler's yet.
///
/// # Errors
/// [`Fault::GivesWay`] where an item that gives way has found its subject there; any fault of the handler.
pub(crate) async fn decide<H: Handler>(
    handler: &H,
    transaction: &Transaction,
    items: &[Item<'_, H::Event>],
    behind: impl Fn(usize, &str) -> Option<Behind>,
) -> Result<Vec<Decision>, Fault> {
    let mut events = Vec::with_capacity(items.len());
    let mut asked = Vec::with_capacity(items.len());
    let mut gives_way = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let behind = behind(index, item.subject(handler));
        let event = item.event().filter(|_| behind != Some(Behind::Queues));
        asked.push(event.is_some());
        if let Some(event) = event {
            events.push(event);
            gives_way.push((behind == Some(Behind::GivesWay)).then(|| item.subject(handler)));
        }
    }
    let decided = if events.is_empty() { Vec::new() } else { handler.apply(transaction, &events).await? };
    if decided.len() != events.len() {
        let (expected, found) = (events.len(), decided.len());
        return Err(Fault::Fatal(Cause::new(format!(
            "a handler decided about {found} of {expected} events"
        ))));
    }
    let overtaken: Vec<String> = decided
        .iter()
        .zip(gives_way)
        .filter(|(decision, _)| decision.outcome.is_ruled())
        .filter_map(|(_, subject)| Some(subject?.to_owned()))
        .collect();
    if !overtaken.is_empty() {
        return Err(Fault::GivesWay(overtaken));
    }
    let mut decided = decided.into_iter();
    Ok(items
        .iter()
        .zip(asked)
        .filter_map(|(item, asked)| match item.settled() {
            Some(outcome) => Some(outcome.clone().into()),
            None if asked => decided.next(),
            None => Some(Outcome::Held(QUEUED).into()),
        })
        .collect())
}
