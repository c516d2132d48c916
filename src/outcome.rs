//! What became of a record, in the words of the ledger.

use std::borrow::Cow;

use crate::context::Context;
use crate::record::Record;

/// The ledger's words that are nobody's own; what takes effect has its domain's words.
pub const WORDS: [&str; 7] = ["duplicate", "rejected", "held", "dead", "diverted", "redriven", "discarded"];

/// What became of a record. A failure of the world is never one of these: that is a [`crate::fault::Fault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The record took effect; the word is the effect's own, such as `accepted`.
    Applied(&'static str),
    /// The same thing was asked before, with the same content: nothing to do.
    Duplicate,
    /// A valid request that the rules refuse, and why.
    Rejected(&'static str),
    /// Set aside until what it names is known, and what that is.
    Held(&'static str),
    /// Set aside until a person looks at it.
    Dead(Invalid),
    /// Meant for the worker of another namespace.
    Diverted,
}

impl Outcome {
    /// The word in the ledger's `outcome` column.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applied(effect) => effect,
            Self::Duplicate => "duplicate",
            Self::Rejected(_) => "rejected",
            Self::Held(_) => "held",
            Self::Dead(_) => "dead",
            Self::Diverted => "diverted",
        }
    }

    /// The word in the ledger's `reason` column; none where the outcome says it all.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Rejected(reason) | Self::Held(reason) => Some(reason),
            Self::Dead(invalid) => Some(invalid.reason),
            Self::Applied(_) | Self::Duplicate | Self::Diverted => None,
        }
    }

    /// The ledger's `detail`: a sentence for people, where there is one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Dead(invalid) => Some(&invalid.detail),
            _ => None,
        }
    }

    /// Whether the rules have spoken about the record, for it or against it: its subject is there.
    #[must_use]
    pub fn is_ruled(&self) -> bool {
        matches!(self, Self::Applied(_) | Self::Duplicate | Self::Rejected(_))
    }

    /// The `status` of the record's row in `worker.held`; none where the record needs no row there.
    #[must_use]
    pub fn held_status(&self) -> Option<&'static str> {
        match self {
            Self::Held(_) => Some("waiting"),
            Self::Dead(_) => Some("dead"),
            _ => None,
        }
    }
}

/// Why a record can never be applied as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// A word from a small set, such as `undecodable`.
    pub reason: &'static str,
    /// What is wrong, where, and what was expected; safe for a `text` column.
    pub detail: Cow<'static, str>,
    /// What the record is about, where that much could be read.
    pub subject: Option<String>,
}

impl Invalid {
    /// An invalid record of which not even the subject could be read.
    #[must_use]
    pub fn new(reason: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), subject: None }
    }

    /// Says what the record is about.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        self.subject = Some(crate::record::clean_text(subject));
        self
    }
}

/// A handler's answer for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What became of it.
    pub outcome: Outcome,
    /// The subject, where the handler knows a better name for it than the event gave.
    pub subject: Option<String>,
    /// The domain's fields of the status event, a JSON object; none where nothing is to be told.
    pub announcement: Option<String>,
}

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, subject: None, announcement: None }
    }
}

/// A record and what became of it, for whoever tells of it.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) record: &'a Record,
    pub(crate) context: &'a Context<'a>,
    pub(crate) subject: &'a str,
    /// None where nothing was kept.
    pub(crate) outcome: Option<&'a Outcome>,
}
