//! One try at records that were set aside, in one transaction: the same handler, the ledger's next revisions.

use std::collections::HashSet;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::backoff::Backoff;
use crate::batch::{self, Batch, Item, QUEUED, Taken};
use crate::fault::{Cause, Fault};
use crate::handler::Handler;
use crate::metrics::measured;
use crate::outcome::{Decision, Invalid, Outcome};
use crate::record::{Partition, clean_text};
use crate::shared::Shared;
use crate::store::held::{self, Behind, Claim, Claimed, Reread, TakenBack};
use crate::store::transaction::{Fate, fate};
use crate::store::{Transaction, ledger};
use crate::traces::{Tried, Work};

/// How long the fate of an unanswered COMMIT is asked for.
const SETTLING: Duration = Duration::from_secs(30);

/// How a try ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// What it has done is kept.
    Commit,
    /// It was a rehearsal: everything is rolled back, and nothing is logged.
    Rehearse,
}

/// What a try has made of one record.
#[derive(Debug)]
pub struct Retried {
    /// `worker.held.id`
    pub id: i64,
    /// Where the record stands.
    pub partition: Partition,
    /// Its offset there.
    pub offset: i64,
    /// What it is about.
    pub subject: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a try came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// The fault.
    pub fault: Fault,
    /// The records that had been claimed, by `worker.held.id`.
    pub claimed: Vec<i64>,
}

/// Which records are tried.
#[derive(Clone, Copy)]
pub enum Take<'a> {
    /// Records that are set aside.
    Held(Claim<'a>),
    /// Diverted records that a person takes back, ordered by partition and offset.
    Diverted(&'a [Reread]),
}

/// What a try has written.
struct Written {
    decisions: Vec<Decision>,
    /// The subjects of which a record should have been woken, but is being tried.
    passed_over: Vec<String>,
    /// The transaction's id.
    id: String,
}

/// One try.
pub(super) struct Attempt<'a, H> {
    pub(super) shared: &'a Shared,
    pub(super) handler: &'a H,
    pub(super) topic: &'a Arc<str>,
    /// What PostgreSQL says of the record, which it refuses whatever it is tried with: only that one is tried.
    pub(super) refused: Option<Cause>,
    /// Subjects of which an earlier record goes first, and cannot be tried along.
    pub(super) gives_way: HashSet<String>,
}

impl<H: Handler> Attempt<'_, H> {
    /// Claims records, lets the handler decide about them, and records what has changed.
    pub(super) async fn run(&self, take: Take<'_>, ending: Ending) -> Result<Vec<Retried>, Failure> {
        let failure = |fault| Failure { fault, claimed: Vec::new() };
        let connection = measured("connection", self.shared.pool.get()).await;
        let connection = connection.map_err(|error| failure(Fault::from(error)))?;
        let (begun, statements) = (SystemTime::now(), self.shared.traces.as_ref().map(|_| Arc::default()));
        let transaction = Transaction::new(connection).noted(statements.clone());
        let claimed = match self.take(&transaction, take).await {
            Ok(claimed) => claimed,
            Err(fault) => {
                if let Fault::Record(_) = fault {
                    transaction.rollback().await;
                }
                return Err(failure(fault));
            }
        };
        if claimed.is_empty() {
            transaction.rollback().await;
            return Ok(Vec::new());
        }
        let mut batch = self.prepare(&claimed);
        if let Some(cause) = &self.refused {
            let detail = clean_text(&format!("PostgreSQL refuses the record: {cause}"));
            batch.settle(0, Outcome::Dead(Invalid::new("refused_by_database", detail)));
        }
        let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.id).collect();
        let failure = |fault| Failure { fault, claimed: ids.clone() };
        let items = batch.items(0..claimed.len());
        let traces = self.shared.traces.as_ref();
        let tried = Tried::begin(traces, items.iter().map(|item| &item.context.trace))
            .zip(statements)
            .map(|(tried, statements)| tried.after(begun, statements));
        let applied = self.transact(transaction, &claimed, items, &ids, ending).await;
        if let Some(tried) = tried {
            let work = Work {
                topic: self.topic,
                partition: None,
                records: items.len(),
                taken: batch.taken,
                retried: true,
                fault: applied.as_ref().err(),
            };
            let decisions = applied.as_deref().unwrap_or_default();
            tried.end(&work, batch::told(self.handler, items, decisions));
        }
        let decisions = applied.map_err(failure)?;
        if ending == Ending::Commit {
            for ((item, claimed), decision) in items.iter().zip(&claimed).zip(&decisions) {
                if changes(claimed, &decision.outcome) {
                    let (items, decisions) = (slice::from_ref(item), slice::from_ref(decision));
                    self.shared.monitor.applied(batch::told(self.handler, items, decisions));
                    self.shared.metrics.outcome_changed(self.topic, &decision.outcome);
                    item.report(self.handler, decision);
                }
            }
        }
        let retried = |((item, claimed), decision): ((&Item<'_, H::Event>, &Claimed), Decision)| Retried {
            id: claimed.id,
            partition: claimed.partition.clone(),
            offset: claimed.record.offset,
            subject: item.decided_subject(self.handler, &decision).to_owned(),
            outcome: decision.outcome,
        };
        Ok(items.iter().zip(&claimed).zip(decisions).map(retried).collect())
    }

    /// Claims the records; those that are diverted are set aside before, which nobody sees but this transaction.
    async fn take(&self, transaction: &Transaction, take: Take<'_>) -> Result<Vec<Claimed>, Fault> {
        let (group, patience) = (&*self.shared.group, &self.shared.patience);
        let records = match take {
            Take::Held(claim) => return held::claim(transaction, group, self.topic, claim, patience).await,
            Take::Diverted(records) => records,
        };
        let mut ids = Vec::with_capacity(records.len());
        for records in records.chunk_by(|one, next| one.partition == next.partition) {
            let taken = records.iter().map(|Reread { partition, record }| Taken {
                record,
                partition,
                first_try: None,
                subject: None,
                is_own: true,
            });
            let batch = Batch::prepare(self.handler, taken, self.shared);
            let mut back = TakenBack { entries: held::Entries::default(), baggages: Vec::new() };
            for item in batch.items(0..records.len()) {
                let (subject, baggage) = (item.subject(self.handler), &item.context.baggage);
                back.entries.push(item.record, subject, Outcome::Diverted.name(), "dead", Duration::ZERO);
                back.baggages.push((!baggage.is_empty()).then(|| baggage.text()));
            }
            let [Reread { partition, .. }, ..] = records else { continue };
            ids.extend(back.insert(transaction, group, partition, H::CREATES_SUBJECT).await?);
        }
        held::claim(transaction, group, self.topic, Claim::These(&ids), patience).await
    }

    /// Decides, writes and ends the transaction.
    async fn transact(
        &self,
        transaction: Transaction,
        claimed: &[Claimed],
        items: &[Item<'_, H::Event>],
        ids: &[i64],
        ending: Ending,
    ) -> Result<Vec<Decision>, Fault> {
        let Written { decisions, passed_over, id } = match self.write(&transaction, claimed, items, ids).await
        {
            Ok(written) => written,
            Err(fault) => {
                if let Fault::Record(_) | Fault::GivesWay(_) = fault {
                    transaction.rollback().await;
                }
                return Err(fault);
            }
        };
        match ending {
            Ending::Rehearse => transaction.rollback().await,
            Ending::Commit => match transaction.commit().await {
                Err(Fault::CommitUnknown(cause)) => self.settle_commit(&id, cause).await?,
                committed => committed?,
            },
        }
        if ending == Ending::Commit {
            self.shared.passed_over.add(passed_over);
        }
        Ok(decisions)
    }

    fn prepare<'b>(&'b self, claimed: &'b [Claimed]) -> Batch<'b, H::Event> {
        let records = claimed.iter().map(|claimed| Taken {
            record: &claimed.record,
            partition: &claimed.partition,
            first_try: claimed.first_try.as_ref(),
            subject: (!claimed.dead).then_some(&*claimed.subject),
            // The group that has set it aside had decided that, or a person has.
            is_own: true,
        });
        Batch::prepare(self.handler, records, self.shared)
    }

    /// Decides, and writes what has changed.
    async fn write(
        &self,
        transaction: &Transaction,
        claimed: &[Claimed],
        items: &[Item<'_, H::Event>],
        ids: &[i64],
    ) -> Result<Written, Fault> {
        let behind = held::behind(transaction, ids, &batch::turns::<H>()).await?;
        let behind = |index: usize, subject: &str| match behind.get(&claimed[index].id) {
            Some(_) if self.gives_way.contains(subject) => Some(Behind::Queues),
            behind => behind.copied(),
        };
        let mut decisions = batch::decide(self.handler, transaction, items, behind).await?;
        for (claimed, decision) in claimed.iter().zip(&mut decisions) {
            // What only queued until now has its whole time before it.
            if claimed.expired
                && claimed.reason != QUEUED
                && let Outcome::Held(reason) = decision.outcome
                && reason != QUEUED
            {
                let detail =
                    format!("waited too long, at last because of {reason}; {} tries", claimed.tries + 1);
                decision.outcome = Outcome::Dead(Invalid::new("waited_too_long", detail));
            }
        }
        let (mut redriven, mut entries) = (ledger::Entries::default(), ledger::Entries::default());
        let mut changes_aside = held::Changes::default();
        let mut woken: Vec<&str> = Vec::new();
        for ((item, claimed), decision) in items.iter().zip(claimed).zip(&decisions) {
            let (subject, outcome) = (item.decided_subject(self.handler, decision), &decision.outcome);
            if claimed.dead {
                redriven.push_redriven(&item.context, subject);
            }
            if changes(claimed, outcome) {
                entries.push(&item.context, subject, outcome, decision.announcement.as_deref());
            }
            match (outcome.held_status(), outcome.reason()) {
                (Some(status), Some(reason)) => {
                    changes_aside.keep(claimed, subject, reason, status, &self.shared.patience);
                }
                _ => changes_aside.resolve(claimed),
            }
            // Whatever waited behind it, or for it, may be tried now.
            if outcome.is_ruled() || (H::CREATES_SUBJECT && !matches!(outcome, Outcome::Held(_))) {
                woken.push(subject);
            }
        }
        redriven.revise(transaction, &self.shared.group, self.topic).await?;
        entries.revise(transaction, &self.shared.group, self.topic).await?;
        changes_aside.write(transaction).await?;
        let passed_over = held::wake(transaction, &self.shared.group, &woken).await?;
        Ok(Written { decisions, passed_over, id: transaction.id().await? })
    }

    /// Learns what became of a COMMIT that was not answered. Where that cannot be learnt in time, nothing is lost
    /// but the log lines: the records are claimed again, or are done.
    async fn settle_commit(&self, id: &str, cause: Cause) -> Result<(), Fault> {
        self.shared.metrics.retry("commit_unknown");
        let deadline = Instant::now() + SETTLING;
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        while Instant::now() < deadline {
            match fate(&self.shared.pool, id).await {
                Ok(Fate::Committed) => return Ok(()),
                Ok(Fate::Aborted) => return Err(Fault::Transient(cause)),
                Ok(Fate::Open) | Err(_) => tokio::time::sleep(backoff.next()).await,
            }
        }
        Err(Fault::CommitUnknown(cause))
    }
}

/// Whether the outcome is news. Still waiting for the same is none.
fn changes(claimed: &Claimed, outcome: &Outcome) -> bool {
    claimed.dead || !(matches!(outcome, Outcome::Held(_)) && outcome.reason() == Some(&*claimed.reason))
}
