//! What an event type brings to the engine: decode, name, apply. One implementation a topic.

use crate::context::Context;
use crate::fault::Fault;
use crate::outcome::{Decision, Invalid, Outcome};
use crate::record::Record;
use crate::store::Transaction;

/// Turns the records of one topic into effects in PostgreSQL, a batch at a time.
///
/// The engine calls [`decode`](Self::decode) and [`span`](Self::span) for each record, then
/// [`apply`](Self::apply) once for the batch, and [`message`](Self::message) after the commit. A batch may be
/// applied more than once, each time in a new transaction, until one commits: a handler keeps no state.
pub trait Handler: Send + Sync + 'static {
    /// A decoded, validated record.
    type Event: Send + Sync;

    /// What the subjects are, in the types of status events: `booking` makes it `booking.accepted`.
    const KIND: &'static str;

    /// Whether the event brings its subject into being. While such a record waits, later records of its subject
    /// queue behind it; when one is decided about, what waited for its subject is tried at once. Its handler
    /// rejects only what stands or is stored as refused: the subject is there.
    const CREATES_SUBJECT: bool;

    /// The reason with which an event waits for its subject to come into being; none where it waits for no such thing.
    /// Of one subject's events that wait for it, the first to come is the first to be applied.
    const AWAITS_SUBJECT: Option<&'static str>;

    /// Decodes and validates one record, without the database.
    ///
    /// # Errors
    /// [`Invalid`] makes the record dead.
    fn decode(&self, record: &Record) -> Result<Self::Event, Invalid>;

    /// What the event is about: the ledger's `subject`.
    fn subject<'a>(&self, event: &'a Self::Event) -> &'a str;

    /// Opens the record's span, with the names that the event type's users filter their logs by; see
    /// [`crate::record_span!`]. There is no event where the record could not be decoded.
    fn span(&self, context: &Context, subject: &str, event: Option<&Self::Event>) -> tracing::Span;

    /// Applies the events in the order given and says what became of each: as many decisions as events, in the
    /// same order. A bounded number of statements, however many events.
    ///
    /// # Errors
    /// A [`Fault`] rolls the whole transaction back: an error of a statement must never be swallowed.
    fn apply(
        &self,
        transaction: &Transaction,
        events: &[&Self::Event],
    ) -> impl Future<Output = Result<Vec<Decision>, Fault>> + Send;

    /// The log line's `msg` for an outcome, such as `booking accepted`.
    fn message(&self, outcome: &Outcome) -> &'static str;
}
