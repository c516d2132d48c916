//! What the worker recorded, read back.

use tokio_postgres::Row;

/// A row of `worker.ledger`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub revision: i16,
    pub subject: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub baggage: Option<String>,
    pub trace_id: Option<Vec<u8>>,
    pub detail: Option<String>,
}

pub const SELECT: &str = "SELECT topic, partition, record_offset, revision, subject, outcome, reason, baggage, \
    trace_id, detail FROM worker.ledger WHERE group_id = $1 ORDER BY topic, partition, record_offset, revision";

impl From<&Row> for Entry {
    fn from(row: &Row) -> Self {
        Self {
            topic: row.get(0),
            partition: row.get(1),
            offset: row.get(2),
            revision: row.get(3),
            subject: row.get(4),
            outcome: row.get(5),
            reason: row.get(6),
            baggage: row.get(7),
            trace_id: row.get(8),
            detail: row.get(9),
        }
    }
}

impl Entry {
    /// `outcome` or `outcome:reason`.
    pub fn verdict(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}:{reason}", self.outcome),
            None => self.outcome.clone(),
        }
    }
}
