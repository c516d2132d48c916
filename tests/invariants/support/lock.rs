//! Locks that lanes run into: the slow database of a test.

use tokio_postgres::Client;

use super::{World, eventually, stack};

/// A lock that is held. Dropped, it is released.
pub struct Lock {
    client: Client,
}

impl World {
    /// Locks a user: a batch with a booking of that user waits.
    pub async fn lock_user(&self, username: &str) -> Lock {
        let sql = format!("SELECT FROM users WHERE username = '{username}' FOR UPDATE");
        self.lock(&sql).await
    }

    /// Locks what is set aside of a booking: nobody tries it.
    pub async fn lock_held(&self, subject: &str) -> Lock {
        let sql = format!("SELECT FROM worker.held WHERE subject = '{subject}' FOR UPDATE");
        self.lock(&sql).await
    }

    /// Locks the ledger: every batch waits.
    pub async fn lock_ledger(&self) -> Lock {
        self.lock("LOCK TABLE worker.ledger IN SHARE MODE").await
    }

    async fn lock(&self, sql: &str) -> Lock {
        let client = stack().await.postgres.connect(&self.database_name).await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute(sql).await.unwrap();
        Lock { client }
    }

    /// Waits until this many transactions of workers wait for a lock, and returns their servers' process ids.
    pub async fn transactions_wait(&self, count: usize) -> Vec<i32> {
        let sql = "SELECT pid FROM pg_stat_activity \
                   WHERE datname = $1 AND application_name = 'worker' AND wait_event_type = 'Lock'";
        eventually("transactions that wait for a lock", async || {
            let rows = self.database.query(sql, &[&self.database_name]).await.map_err(|e| e.to_string())?;
            if rows.len() < count {
                return Err(format!("{} of {count}", rows.len()));
            }
            Ok(Some(rows.iter().map(|row| row.get(0)).collect()))
        })
        .await
    }
}

impl Lock {
    /// Releases the lock.
    pub async fn release(self) {
        self.client.batch_execute("COMMIT").await.unwrap();
    }
}
