//! The records that the worker set aside, read back.

use serde_json::Value;
use tokio_postgres::Row;

use super::World;

/// A row of `worker.held`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// In milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Value,
    pub subject: String,
    pub reason: String,
    pub status: String,
    pub attempts: i32,
    pub has_next_attempt: bool,
}

const SELECT: &str = "SELECT topic, partition, record_offset, \
    (extract(epoch FROM record_timestamp) * 1000)::bigint, key, payload, headers, subject, reason, status, \
    attempts, next_attempt_at IS NOT NULL \
    FROM worker.held WHERE group_id = $1 ORDER BY topic, partition, record_offset";

impl From<&Row> for Held {
    fn from(row: &Row) -> Self {
        Self {
            topic: row.get(0),
            partition: row.get(1),
            offset: row.get(2),
            timestamp: row.get(3),
            key: row.get(4),
            payload: row.get(5),
            headers: row.get(6),
            subject: row.get(7),
            reason: row.get(8),
            status: row.get(9),
            attempts: row.get(10),
            has_next_attempt: row.get(11),
        }
    }
}

impl World {
    /// The records that this world's group has set aside, in order.
    pub async fn held(&self) -> Vec<Held> {
        self.database.query(SELECT, &[&self.group]).await.unwrap().iter().map(Held::from).collect()
    }
}
