//! Records that were set aside, tried again: by themselves when they are due, or because a person says so.
//!
//! # The order of one subject's records
//! A record that brings its subject into being (a booking's create) *holds back* while it waits: later records of
//! the subject, of whatever topic, queue behind it (`queued`) and are applied in the order in which they came,
//! which is the order of `worker.held.id`. Any other record that waits (a cancellation) holds nothing back. Other
//! subjects flow.
//!
//! | came in this order | at once | in the end |
//! |---|---|---|
//! | create, cancel | accepted, cancelled | |
//! | cancel, create | held (`unknown_booking`), accepted, which wakes the cancel | cancelled |
//! | cancel, create that a rule refuses | held, rejected, which wakes the cancel | rejected |
//! | cancel, cancel, create | both held, accepted | the first cancelled, the second rejected |
//! | create (user unknown), cancel | held, queued | accepted, then cancelled, once the user is known |
//! | cancel, create (user unknown), cancel | held, held, queued | accepted, cancelled, rejected |
//! | create (user unknown), create | held, queued | accepted, then duplicate or rejected |
//! | create (user unknown for too long), cancel | held, queued | dead, then the cancel waits for its booking |
//! | create, create (user unknown) | accepted, rejected: it contradicts what stands | |
//! | cancel (user unknown), cancel | held, cancelled | the first rejected, once its user is known |

mod attempt;
mod sweeper;

use std::sync::Arc;

use crate::handler::Handler;
use crate::lane::Shared;
use crate::store::held::Claim;
use crate::store::{Cause, Fault};
use attempt::Attempt;

pub use attempt::{Ending, Failure, Retried};
pub use sweeper::Sweeper;

/// Tries records of one topic again in one transaction. A record that PostgreSQL refuses is found by halves, and
/// is dead.
///
/// # Errors
/// The [`Fault`] that left everything as it was.
pub(crate) async fn retry<H: Handler>(
    shared: &Shared,
    handler: &H,
    topic: &Arc<str>,
    claim: Claim<'_>,
    ending: Ending,
) -> Result<Vec<Retried>, Fault> {
    let attempt = |refused: Option<(i64, Cause)>| Attempt { shared, handler, topic, refused };
    let Failure { fault, claimed } = match attempt(None).run(claim, ending).await {
        Ok(retried) => return Ok(retried),
        Err(failure) => failure,
    };
    let Fault::Record(cause) = fault else { return Err(fault) };
    // The halves that are still to be tried, the one to be tried next last.
    let mut parts = vec![(claimed, cause)];
    let mut retried = Vec::new();
    while let Some((mut ids, cause)) = parts.pop() {
        if ids.len() == 1 {
            let refused = ids.first().map(|id| (*id, cause));
            let one = attempt(refused).run(Claim::These(&ids), ending).await;
            retried.extend(one.map_err(|failure| failure.fault)?);
            continue;
        }
        let later = ids.split_off(ids.len() / 2);
        for half in [ids, later] {
            match attempt(None).run(Claim::These(&half), ending).await {
                Ok(done) => retried.extend(done),
                Err(Failure { fault: Fault::Record(cause), .. }) => parts.push((half, cause)),
                Err(failure) => return Err(failure.fault),
            }
        }
    }
    Ok(retried)
}
