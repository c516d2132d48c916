//! The log line of a record's outcome, after its commit.

use super::batch::Item;
use crate::outcome::{Decision, Outcome};

/// Logs what became of a record, inside the record's span.
pub(super) fn outcome<E>(item: &Item<'_, E>, decision: &Decision, message: &'static str) {
    let outcome = &decision.outcome;
    let (name, reason, detail) = (outcome.name(), outcome.reason(), outcome.detail());
    let subject = decision.subject.as_deref();
    item.span.in_scope(|| match outcome {
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
