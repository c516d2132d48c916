//! A batch on its way: each record decoded, with its span, and whatever is already settled about it.

use std::borrow::Cow;
use std::ops::Range;

use tracing::Span;

use super::Shared;
use crate::context::Context;
use crate::handler::Handler;
use crate::outcome::{Decision, Outcome};
use crate::record::{Partition, Record};

/// One record of a batch.
pub(super) struct Item<'b, E> {
    pub(super) record: &'b Record,
    pub(super) context: Context<'b>,
    pub(super) span: Span,
    event: Option<E>,
    /// What the record is about, where no event says so.
    subject: String,
    /// The outcome, where it needs no handler.
    settled: Option<Outcome>,
}

/// The records of one batch, in the order of their offsets.
pub(super) struct Batch<'b, E> {
    items: Vec<Item<'b, E>>,
}

impl<'b, E> Batch<'b, E> {
    /// Decodes the records and opens their spans. Does not touch the database.
    pub(super) fn prepare<H: Handler<Event = E>>(
        handler: &H,
        records: &'b [Record],
        partition: &'b Partition,
        shared: &'b Shared,
    ) -> Self {
        let items = records
            .iter()
            .map(|record| {
                let context = Context::of(record, partition, &shared.log_keys);
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
                if !shared.divert.owns(&context.baggage) {
                    if let Some(event) = &event {
                        handler.subject(event).clone_into(&mut subject);
                    }
                    settled = Some(Outcome::Diverted);
                    return Item { record, context, span, event: None, subject, settled };
                }
                Item { record, context, span, event, subject, settled }
            })
            .collect();
        Self { items }
    }

    pub(super) fn items(&self, part: Range<usize>) -> &[Item<'b, E>] {
        &self.items[part]
    }

    /// Settles a record's outcome without its handler. False where it was settled before.
    pub(super) fn settle(&mut self, index: usize, outcome: Outcome) -> bool {
        let item = &mut self.items[index];
        item.settled.replace(outcome).is_none()
    }

    /// Says in the log what became of each record of a part.
    pub(super) fn report<H: Handler<Event = E>>(
        &self,
        handler: &H,
        part: Range<usize>,
        decisions: &[Decision],
    ) {
        for (item, decision) in self.items[part].iter().zip(decisions) {
            super::report::outcome(item, decision, handler.message(&decision.outcome));
        }
    }
}

impl<E> Item<'_, E> {
    /// The event, where the handler is to decide about it.
    pub(super) fn event(&self) -> Option<&E> {
        if self.settled.is_some() { None } else { self.event.as_ref() }
    }

    /// The outcome, where the handler is not asked.
    pub(super) fn settled(&self) -> Option<&Outcome> {
        self.settled.as_ref()
    }

    /// What the record is about.
    pub(super) fn subject<'a, H: Handler<Event = E>>(&'a self, handler: &H) -> &'a str {
        match &self.event {
            Some(event) => handler.subject(event),
            None => &self.subject,
        }
    }
}
