//! Records that were set aside, tried again: by themselves when they are due, or because a person says so. A person
//! may also take back what was diverted: it is set aside and tried in one transaction.
//!
//! # The order of one subject's records
//! A record that brings its subject into being (a booking's create) *holds back* while it waits: later records of
//! the subject, of whatever topic, queue behind it (`queued`) and are applied in the order in which they came,
//! which is the order of `worker.held.id`. Any other record that waits (a cancellation) holds nothing back, but where
//! it waits for nothing but its turn or the subject itself, and a later one of its topic finds the subject there, the
//! later one queues behind it and both are due at once. Other subjects flow, and a cancellation that names a row by its
//! number is its own subject until it has found the booking.
//!
//! | came in this order | at once | in the end |
//! |---|---|---|
//! | create, cancel | accepted, cancelled | |
//! | cancel, create | held (`unknown_booking`), accepted, which wakes the cancel | cancelled |
//! | cancel, create that a rule refuses | held, rejected, which wakes the cancel | rejected |
//! | cancel, cancel, create | both held, accepted | the first cancelled, the second rejected |
//! | cancel, create, cancel | held, accepted, queued while the first is not tried yet | cancelled, rejected |
//! | create (user unknown), cancel | held, queued | accepted, then cancelled, once the user is known |
//! | cancel, create (user unknown), cancel | held, held, queued | accepted, cancelled, rejected |
//! | create (user unknown), create | held, queued | accepted, then duplicate or rejected |
//! | create (user unknown for too long), cancel | held, queued | dead, then the cancel waits for its booking |
//! | create, create (user unknown) | accepted, rejected: it contradicts what stands | |
//! | cancel (user unknown), cancel | held, cancelled | the first rejected, once its user is known |

mod attempt;

use std::collections::HashSet;
use std::sync::Arc;

use crate::fault::{Cause, Fault};
use crate::handler::Handler;
use crate::shared::Shared;
use crate::store::held::{Claim, Reread};
use attempt::Attempt;

pub use attempt::{Ending, Failure, Retried, Take};

/// Tries records of one topic again in one transaction. A record that PostgreSQL refuses is found by halves, and
/// is dead.
///
/// # Errors
/// The [`Fault`] that left everything as it was.
pub(crate) async fn retry<H: Handler>(
    shared: &Shared,
    handler: &H,
    topic: &Arc<str>,
    take: Take<'_>,
    ending: Ending,
) -> Result<Vec<Retried>, Fault> {
    shared.passed_over.wake(&shared.pool, &shared.group).await?;
    let attempt =
        |refused: Option<Cause>| Attempt { shared, handler, topic, refused, gives_way: HashSet::new() };
    let Failure { fault, claimed } = match give_way(attempt(None), take, ending).await {
        Ok(retried) => return Ok(retried),
        Err(failure) => failure,
    };
    let Fault::Record(cause) = fault else { return Err(fault) };
    let whole = match take {
        Take::Held(_) => Part::Held(claimed),
        Take::Diverted(records) => Part::Diverted(records),
    };
    // The halves that are still to be tried, the one to be tried next last.
    let mut parts = vec![(whole, cause)];
    let mut retried = Vec::new();
    while let Some((part, cause)) = parts.pop() {
        if part.len() == 1 {
            let one = give_way(attempt(Some(cause)), part.take(), ending).await;
            retried.extend(one.map_err(|failure| failure.fault)?);
            continue;
        }
        for half in part.halves() {
            match give_way(attempt(None), half.take(), ending).await {
                Ok(done) => retried.extend(done),
                Err(Failure { fault: Fault::Record(cause), .. }) => parts.push((half, cause)),
                Err(failure) => return Err(failure.fault),
            }
        }
    }
    Ok(retried)
}

/// Tries records, and what goes before them with them. Where that cannot be, they queue behind it.
async fn give_way<H: Handler>(
    mut attempt: Attempt<'_, H>,
    take: Take<'_>,
    ending: Ending,
) -> Result<Vec<Retried>, Failure> {
    let shared = attempt.shared;
    let mut woken = ending == Ending::Rehearse;
    loop {
        match attempt.run(take, ending).await {
            Err(Failure { fault: Fault::GivesWay(subjects), .. }) if woken => {
                attempt.gives_way.extend(subjects);
            }
            Err(Failure { fault: Fault::GivesWay(subjects), claimed }) => {
                shared.passed_over.add(subjects);
                let done = shared.passed_over.wake(&shared.pool, &shared.group).await;
                done.map_err(|fault| Failure { fault, claimed })?;
                woken = true;
            }
            ended => return ended,
        }
    }
}

/// A part of the records that are tried.
enum Part<'a> {
    Held(Vec<i64>),
    Diverted(&'a [Reread]),
}

impl Part<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Held(ids) => ids.len(),
            Self::Diverted(records) => records.len(),
        }
    }

    fn take(&self) -> Take<'_> {
        match self {
            Self::Held(ids) => Take::Held(Claim::These(ids)),
            Self::Diverted(records) => Take::Diverted(records),
        }
    }

    fn halves(self) -> [Self; 2] {
        let middle = self.len() / 2;
        match self {
            Self::Held(mut ids) => {
                let later = ids.split_off(middle);
                [Self::Held(ids), Self::Held(later)]
            }
            Self::Diverted(records) => {
                let (earlier, later) = records.split_at(middle);
                [Self::Diverted(earlier), Self::Diverted(later)]
            }
        }
    }
}
