//! Failures of the world, sorted by SQLSTATE into what the worker does about them.

use std::error::Error as _;
use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::tls;

/// A failure that is not the record's outcome. Whoever meets one rolls back.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Passes by itself: retry, for as long as it takes.
    #[error("{0}")]
    Transient(Cause),
    /// Caused by the content of one record of the batch: find it.
    #[error("{0}")]
    Record(Cause),
    /// A prepared statement no longer fits the schema: retry once, prepared anew.
    #[error("{0}")]
    StaleStatement(Cause),
    /// The position has moved under another owner: the lane ends.
    #[error("another worker has moved the position on")]
    Overtaken,
    /// A record has its outcome in the ledger already: only the position can tell whether another owner has
    /// moved on.
    #[error("{0}")]
    Recorded(Cause),
    /// An earlier record of these subjects goes first: try again, theirs behind it.
    #[error("an earlier record of the same subject goes first")]
    GivesWay(Vec<String>),
    /// The answer to COMMIT was lost: only the position can tell what became of it.
    #[error("the answer to COMMIT was lost: {0}")]
    CommitUnknown(Cause),
    /// Nothing that waiting would mend: the worker halts.
    #[error("{0}")]
    Fatal(Cause),
}

/// What PostgreSQL or the connection said.
#[derive(Debug, Clone)]
pub struct Cause {
    /// The SQLSTATE; none where the server did not answer.
    pub code: Option<SqlState>,
    /// The message, with its sources.
    pub message: String,
    origin: Origin,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Server,
    Connection,
    Pool,
    Kafka,
    Other,
}

/// The words for faults in metrics: the connection is lost or refused; a lock was not free in time; a deadlock or a
/// serialization failure; a statement took too long, or was cancelled; the server takes no writes; it is out of
/// memory, disk or connections; no connection of the pool became free; a prepared statement no longer fits; the
/// answer to COMMIT was lost; Kafka does not answer or does not take; anything else.
pub const WORDS: [&str; 11] = [
    "connection",
    "lock",
    "conflict",
    "timeout",
    "read_only",
    "resources",
    "pool_timeout",
    "stale_statement",
    "commit_unknown",
    "kafka",
    "other",
];

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(formatter, "{} (SQLSTATE {})", self.message, code.code()),
            None => formatter.write_str(&self.message),
        }
    }
}

impl Cause {
    /// A cause that is not PostgreSQL's.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(Origin::Other, message)
    }

    /// A lost or refused connection.
    #[must_use]
    pub fn of_connection(message: impl Into<String>) -> Self {
        Self::of(Origin::Connection, message)
    }

    /// What Kafka said, or that it said nothing.
    #[must_use]
    pub fn of_kafka(message: impl Into<String>) -> Self {
        Self::of(Origin::Kafka, message)
    }

    fn of(origin: Origin, message: impl Into<String>) -> Self {
        Self { code: None, message: message.into(), origin }
    }

    fn word(&self) -> &'static str {
        match (self.origin, &self.code) {
            (Origin::Server, Some(code)) => word_of(code.code()),
            (Origin::Connection, _) => "connection",
            (Origin::Pool, _) => "pool_timeout",
            (Origin::Kafka, _) => "kafka",
            (Origin::Server | Origin::Other, _) => "other",
        }
    }
}

impl Fault {
    /// Its kind, one of [`WORDS`].
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::StaleStatement(_) => "stale_statement",
            Self::CommitUnknown(_) => "commit_unknown",
            Self::Overtaken | Self::GivesWay(_) => "other",
            Self::Transient(cause) | Self::Record(cause) | Self::Recorded(cause) | Self::Fatal(cause) => {
                cause.word()
            }
        }
    }

    /// The fault, with what a person may do where that is known.
    #[must_use]
    pub fn advice(&self) -> String {
        let (Self::Fatal(cause) | Self::Transient(cause)) = self else { return self.to_string() };
        match &cause.code {
            Some(code)
                if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN, SqlState::INVALID_SCHEMA_NAME]
                    .contains(code) =>
            {
                format!("{cause}; `worker migrate` brings the schema up to date")
            }
            _ => cause.to_string(),
        }
    }

    /// Sorts the failure of a COMMIT. Without an answer it may have committed, and no less where the answer is
    /// that of a pooler which lost the server, or of a server that breaks down.
    #[must_use]
    pub fn of_commit(error: &tokio_postgres::Error) -> Self {
        match Self::from(error) {
            Self::Transient(cause) => Self::CommitUnknown(cause),
            fault => fault,
        }
    }
}

impl From<&tokio_postgres::Error> for Fault {
    fn from(error: &tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            let cause = Cause {
                code: Some(server.code().clone()),
                message: server.message().to_owned(),
                origin: Origin::Server,
            };
            return match kind_of(server.code().code()) {
                Kind::Transient => Self::Transient(cause),
                Kind::Record => Self::Record(cause),
                Kind::StaleStatement => Self::StaleStatement(cause),
                Kind::Fatal => Self::Fatal(cause),
            };
        }
        let cause = Cause::of_connection(with_sources(error));
        // No SQLSTATE and not the network: a value does not fit its parameter, or a column its use, which no
        // retry mends.
        let own = error.source().is_some_and(<dyn std::error::Error>::is::<tokio_postgres::types::WrongType>);
        if own { Self::Fatal(cause) } else { Self::Transient(cause) }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::from(&error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::from(error),
            PoolError::Timeout(_) => {
                Self::Transient(Cause::of(Origin::Pool, "no database connection became free in time"))
            }
            error => Self::Fatal(Cause::new(error.to_string())),
        }
    }
}

fn with_sources(error: &tokio_postgres::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = error.source();
    }
    match tls::advice(error) {
        Some(advice) => format!("{message}; {advice}"),
        None => message,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Transient,
    Record,
    StaleStatement,
    Fatal,
}

/// PostgreSQL's error codes, Appendix A of its manual, by code and then by class.
fn kind_of(code: &str) -> Kind {
    match code {
        // Read-only server (a failover), idle-in-transaction timeout, a room or user deleted between two
        // statements (resolved anew on the retry), a prepared statement that a connection pooler forgot.
        "25006" | "25P02" | "25P03" | "23503" | "26000" => Kind::Transient,
        // CHECK and NOT NULL, and a value over one of PostgreSQL's limits.
        "23514" | "23502" | "54000" => Kind::Record,
        // "cached plan must not change result type"
        "0A000" => Kind::StaleStatement,
        _ => match code.get(..2) {
            // Connection, resources, operator intervention, system, rollback (serialization, deadlock),
            // object in use (lock not available).
            Some("08" | "53" | "57" | "58" | "40" | "55") => Kind::Transient,
            Some("22") => Kind::Record,
            _ => Kind::Fatal,
        },
    }
}

/// The word for a SQLSTATE, by code and then by class.
fn word_of(code: &str) -> &'static str {
    match code {
        "25006" => "read_only",
        "55P03" => "lock",
        "57014" | "25P03" => "timeout",
        _ => match code.get(..2) {
            Some("08" | "57") => "connection",
            Some("40") => "conflict",
            Some("53" | "58") => "resources",
            _ => "other",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_that_is_waited_out_has_one_of_the_words() {
        let table = [
            ("08006", "connection"),
            ("57P01", "connection"),
            ("57P03", "connection"),
            ("55P03", "lock"),
            ("40P01", "conflict"),
            ("40001", "conflict"),
            ("57014", "timeout"),
            ("25P03", "timeout"),
            ("25006", "read_only"),
            ("53300", "resources"),
            ("58030", "resources"),
            ("23503", "other"),
        ];
        for (code, word) in table {
            assert_eq!(word_of(code), word, "{code}");
            assert!(WORDS.contains(&word));
        }
        let cause = Cause::new("");
        assert_eq!(Fault::Transient(cause.clone()).word(), "other");
        assert_eq!(Fault::StaleStatement(cause.clone()).word(), "stale_statement");
        assert_eq!(Fault::CommitUnknown(cause).word(), "commit_unknown");
        assert_eq!(Fault::Transient(Cause::of_kafka("")).word(), "kafka");
        let full = PoolError::Timeout(deadpool_postgres::TimeoutType::Wait);
        assert_eq!(Fault::from(full).word(), "pool_timeout");
    }

    #[test]
    fn each_sqlstate_of_the_design_is_sorted_as_the_design_says() {
        let table: [(&[&str], Kind); 4] = [
            (
                &[
                    "08000", "08006", "53300", "53100", "57P01", "57P02", "57P03", "58030", "25006", "40001",
                    "40P01", "55P03", "57014", "25P03", "23503",
                ],
                Kind::Transient,
            ),
            (&["22001", "22021", "22P05", "22003", "23514", "23502", "54000"], Kind::Record),
            (&["0A000"], Kind::StaleStatement),
            (&["42P01", "42501", "42703", "28P01", "28000", "3D000", "23505", "21000", "XX001"], Kind::Fatal),
        ];
        for (codes, kind) in table {
            for code in codes {
                assert_eq!(kind_of(code), kind, "{code}");
            }
        }
    }
}
