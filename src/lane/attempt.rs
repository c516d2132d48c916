//! One try at one transaction: effects, ledger, held, and the position as its last statement.

use std::ops::Range;
use std::time::Duration;

use deadpool_postgres::Object;

use super::{End, Lane};
use crate::batch::{self, Batch, Item};
use crate::fault::{Cause, Fault};
use crate::handler::Handler;
use crate::outcome::Decision;
use crate::store::held::Behind;
use crate::store::{Transaction, held, ledger, positions};
use crate::traces::{Tried, Work};

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
        let items = batch.items(part);
        let traces = self.shared.traces.clone();
        let tried = Tried::begin(traces.as_ref(), items.iter().map(|item| &item.context.trace));
        let transaction = Transaction::new(connection).noted(tried.as_ref().map(Tried::statements));
        let applied = self.transact(transaction, items, next).await;
        if let Some(tried) = tried {
            let work = Work {
                topic: &self.partition.topic,
                partition: Some(self.partition.number),
                records: items.len(),
                taken: batch.taken,
                retried: false,
                fault: applied.as_ref().err(),
            };
            let decisions = applied.as_deref().unwrap_or_default();
            tried.end(&work, batch::told(&*self.handler, items, decisions));
        }
        applied
    }

    async fn transact(
        &mut self,
        transaction: Transaction,
        items: &[Item<'_, H::Event>],
        next: i64,
    ) -> Result<Vec<Decision>, Fault> {
        let (decisions, woken) = match self.write(&transaction, items, next).await {
            Ok(written) => written,
            Err(fault) => {
                // These leave a good connection; after any other a new one is safer.
                if let Fault::Record(_) | Fault::Recorded(_) | Fault::Overtaken | Fault::GivesWay(_) = fault {
                    transaction.rollback().await;
                }
                return Err(fault);
            }
        };
        let committed = match transaction.commit().await {
            Err(Fault::CommitUnknown(cause)) => self.settle_commit(next, cause).await,
            committed => committed,
        };
        if committed.is_ok()
            && let Some(passed_over) = woken
        {
            self.shared.passed_over.add(passed_over);
            self.shared.woken.notify_one();
        }
        committed.map(|()| decisions)
    }

    /// Tells why records of the batch had their outcomes already. The ledger's key finds an overtaken lane
    /// before the position does; else a person has set the position back, and the records are replayed.
    pub(super) async fn recorded_before(&mut self, next: i64, cause: Cause) -> Result<(), Fault> {
        let position = self.position;
        match self.settled_position().await {
            Ok(found) if found != position => return Err(Fault::Overtaken),
            Ok(_) => {}
            Err(end) => return Err(unsettled(end, cause)),
        }
        let end = ledger::end(&self.shared.pool, &self.shared.group, &self.partition).await?;
        self.replayed_below = end.unwrap_or(next).max(next);
        let (topic, partition) = (&*self.partition.topic, self.partition.number);
        tracing::warn!(
            topic,
            partition,
            offset = position,
            until = self.replayed_below,
            "the position was set back: records are applied again, each outcome is its next revision"
        );
        Ok(())
    }

    async fn settle_commit(&mut self, next: i64, cause: Cause) -> Result<(), Fault> {
        tracing::error!(
            topic = &*self.partition.topic, partition = self.partition.number, offset = self.position,
            error = %cause, "the answer to COMMIT was lost; reading the position to learn what became of it"
        );
        self.shared.metrics.retry("commit_unknown");
        let position = match self.settled_position().await {
            Ok(position) => position,
            Err(end) => return Err(unsettled(end, cause)),
        };
        if position == next {
            Ok(())
        } else if position == self.position {
            Err(Fault::Transient(cause))
        } else {
            Err(Fault::Overtaken)
        }
    }

    /// Decides and writes. Returns, where something that waits has become due, the subjects of which a record was passed
    /// over.
    async fn write(
        &self,
        transaction: &Transaction,
        items: &[Item<'_, H::Event>],
        next: i64,
    ) -> Result<(Vec<Decision>, Option<Vec<String>>), Fault> {
        let (group, partition, handler) = (&*self.shared.group, &self.partition, &*self.handler);
        let replayed = self.position < self.replayed_below;
        if replayed {
            let offsets: Vec<i64> = items.iter().map(|item| item.record.offset).collect();
            held::forget(transaction, group, partition, &offsets).await?;
        }
        let subjects: Vec<&str> = items.iter().map(|item| item.subject(handler)).collect();
        let turns = batch::turns::<H>();
        let first = items.first().map_or(next, |item| item.record.offset);
        let waiting = held::waiting(transaction, group, (partition, first), &subjects, &turns).await?;
        let behind = |_: usize, subject: &str| match waiting.get(subject) {
            _ if self.gives_way.contains(subject) => Some(Behind::Queues),
            behind => behind.copied().flatten(),
        };
        let decisions = batch::decide(handler, transaction, items, behind).await?;
        let mut entries = ledger::Entries::with_capacity(items.len());
        let mut set_aside = held::Entries::default();
        let mut woken: Vec<&str> = Vec::new();
        for (item, decision) in items.iter().zip(&decisions) {
            let subject = item.decided_subject(handler, decision);
            let outcome = &decision.outcome;
            entries.push(&item.context, subject, outcome, decision.announcement.as_deref());
            if let (Some(status), Some(reason)) = (outcome.held_status(), outcome.reason()) {
                let gives_way = self.gives_way.contains(subject);
                let wait = if gives_way { Duration::ZERO } else { self.shared.patience.first_wait() };
                set_aside.push(item.record, subject, reason, status, wait);
                if gives_way {
                    woken.push(subject);
                }
            }
            // Whatever it was that waited for the subject: it stands now, made by this record or before it.
            if H::CREATES_SUBJECT && outcome.is_ruled() && waiting.contains_key(subject) {
                woken.push(subject);
            }
        }
        // Sent together: the position is the last statement before COMMIT.
        let (recorded, kept, passed_over, advanced) = tokio::join!(
            biased;
            async {
                if replayed {
                    entries.revise(transaction, group, &partition.topic).await
                } else {
                    entries.insert(transaction, group, partition).await
                }
            },
            set_aside.insert(transaction, group, partition, H::CREATES_SUBJECT),
            held::wake(transaction, group, &woken),
            positions::advance(transaction, group, partition, self.position, next),
        );
        recorded?;
        kept?;
        let passed_over = passed_over?;
        advanced?;
        let woken = (!woken.is_empty()).then_some(passed_over);
        Ok((decisions, woken))
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
