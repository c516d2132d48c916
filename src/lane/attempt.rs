//! One try at one transaction: effects, ledger, held, and the position as its last statement.

use std::ops::Range;

use deadpool_postgres::Object;

use super::batch::{Batch, Item};
use super::{End, Lane};
use crate::handler::Handler;
use crate::outcome::Decision;
use crate::store::{Cause, Fault, Transaction, held, ledger, positions};

impl<H: Handler> Lane<H> {
    /// Applies a part of the batch in one transaction and returns what became of each record.
    ///
    /// Whatever interrupts it, either all of it is kept or nothing. A COMMIT whose answer is lost is settled
    /// here, by the position.
    pub(super) async fn attempt(
        &mut self,
        connection: Object,
        batch: &Batch<'_, H::Event>,
        part: Range<usize>,
        next: i64,
    ) -> Result<Vec<Decision>, Fault> {
        let transaction = Transaction::new(connection);
        let decisions = match self.write(&transaction, batch.items(part), next).await {
            Ok(decisions) => decisions,
            Err(Fault::Recorded(cause)) => {
                transaction.rollback().await;
                return Err(self.recorded_before(next, cause).await);
            }
            Err(fault) => {
                // The record's own fault leaves a good connection; after any other a new one is safer.
                if let Fault::Record(_) | Fault::Overtaken = fault {
                    transaction.rollback().await;
                }
                return Err(fault);
            }
        };
        match transaction.commit().await {
            Ok(()) => Ok(decisions),
            Err(Fault::CommitUnknown(cause)) => self.settle_commit(decisions, next, cause).await,
            Err(fault) => Err(fault),
        }
    }

    /// Tells why records of the batch had their outcomes already. The ledger's key finds an overtaken lane
    /// before the position does.
    async fn recorded_before(&mut self, next: i64, cause: Cause) -> Fault {
        let (partition, position) = (self.partition.clone(), self.position);
        match self.settled_position().await {
            Ok(found) if found == position => Fault::Fatal(Cause::new(format!(
                "{partition}: worker.ledger has outcomes for records from offset {position} up to {next}, yet the \
                 position in worker.positions was set back to {position}; set it to the offset after the \
                 partition's last row in worker.ledger"
            ))),
            Ok(_) => Fault::Overtaken,
            Err(end) => unsettled(end, cause),
        }
    }

    async fn settle_commit(
        &mut self,
        decisions: Vec<Decision>,
        next: i64,
        cause: Cause,
    ) -> Result<Vec<Decision>, Fault> {
        tracing::error!(
            topic = &*self.partition.topic, partition = self.partition.number, offset = self.position,
            error = %cause, "the answer to COMMIT was lost; reading the position to learn what became of it"
        );
        let position = match self.settled_position().await {
            Ok(position) => position,
            Err(end) => return Err(unsettled(end, cause)),
        };
        if position == next {
            Ok(decisions)
        } else if position == self.position {
            Err(Fault::Transient(cause))
        } else {
            Err(Fault::Overtaken)
        }
    }

    async fn write(
        &self,
        transaction: &Transaction,
        items: &[Item<'_, H::Event>],
        next: i64,
    ) -> Result<Vec<Decision>, Fault> {
        let decisions = self.decide(transaction, items).await?;
        let mut entries = ledger::Entries::with_capacity(items.len());
        let mut set_aside = held::Entries::default();
        for (item, decision) in items.iter().zip(&decisions) {
            let subject = decision.subject.as_deref().unwrap_or_else(|| item.subject(&*self.handler));
            let outcome = &decision.outcome;
            entries.push(&ledger::Entry {
                offset: item.record.offset,
                subject,
                outcome: outcome.name(),
                reason: outcome.reason(),
                baggage: (!item.context.baggage.is_empty()).then(|| item.context.baggage.text()),
                trace_id: item.context.trace.trace_id.to_bytes(),
                detail: outcome.detail(),
            });
            if let (Some(status), Some(reason)) = (outcome.held_status(), outcome.reason()) {
                set_aside.push(item.record, subject, reason, status);
            }
        }
        let (group, partition) = (&*self.shared.group, &self.partition);
        // Sent together: the position is the last statement before COMMIT.
        let (recorded, kept, advanced) = tokio::join!(
            biased;
            entries.insert(transaction, group, partition),
            async {
                if set_aside.is_empty() { Ok(()) } else { set_aside.insert(transaction, group, partition).await }
            },
            positions::advance(transaction, group, partition, self.position, next),
        );
        recorded?;
        kept?;
        advanced?;
        Ok(decisions)
    }

    /// One decision for each item: the handler's, where the outcome is not settled without it.
    async fn decide(
        &self,
        transaction: &Transaction,
        items: &[Item<'_, H::Event>],
    ) -> Result<Vec<Decision>, Fault> {
        let events: Vec<&H::Event> = items.iter().filter_map(Item::event).collect();
        let decided =
            if events.is_empty() { Vec::new() } else { self.handler.apply(transaction, &events).await? };
        if decided.len() != events.len() {
            let (expected, found) = (events.len(), decided.len());
            return Err(Fault::Fatal(Cause::new(format!(
                "the handler of {} decided about {found} of {expected} events",
                self.partition.topic
            ))));
        }
        let mut decided = decided.into_iter();
        Ok(items
            .iter()
            .filter_map(|item| match item.settled() {
                Some(outcome) => Some(outcome.clone().into()),
                None => decided.next(),
            })
            .collect())
    }
}

/// The fault of a batch whose fate could not be settled because the lane ends.
fn unsettled(end: End, cause: Cause) -> Fault {
    match end {
        // Whoever reads the position next learns what became of it.
        End::Closed => Fault::Transient(cause),
        End::Overtaken => Fault::Overtaken,
        End::Fatal(cause) => Fault::Fatal(cause),
    }
}
