//! What a test sees of a world while it breaks it.

use tokio_postgres::Client;

use super::compare::until;
use super::{Message, World, booking, stack};

/// A lock on one user: no booking of that user can be stored while it is held.
pub struct HeldUser {
    /// The session that holds it, in a transaction.
    pub session: Client,
}

impl HeldUser {
    /// Releases it.
    pub async fn release(self) {
        self.session.batch_execute("COMMIT").await.unwrap();
    }
}

impl World {
    /// Locks a user.
    pub async fn hold_user(&self, username: &str) -> HeldUser {
        let session = self.another_connection().await;
        session.batch_execute("BEGIN").await.unwrap();
        session.query_one("SELECT FROM users WHERE username = $1 FOR UPDATE", &[&username]).await.unwrap();
        HeldUser { session }
    }

    /// Another connection to this world's database on the shared server.
    pub async fn another_connection(&self) -> Client {
        stack().await.postgres.connect(&self.database_name).await.unwrap()
    }

    /// How many records have been applied, over all partitions of topics that begin at 0.
    pub async fn applied(&self) -> i64 {
        self.positions().await.iter().map(|(.., next)| next).sum()
    }

    /// How many records there are to be applied, in topics without gaps.
    pub async fn produced(&self) -> i64 {
        let mut count = 0;
        for topic in [&self.bookings, &self.cancellations] {
            count += self.admin().end_offsets(topic).await.unwrap().iter().sum::<i64>();
        }
        count
    }

    /// Waits until exactly so many of the workers' statements wait for a lock.
    pub async fn lock_waits(&self, count: i64) {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = $1 AND application_name = 'worker' AND wait_event_type = 'Lock'";
        until("statements to wait for a lock", async || {
            let row = self.database.query_one(sql, &[&self.database_name]).await.unwrap();
            row.get::<_, i64>(0) == count
        })
        .await;
    }

    /// Produces a booking of this user to this partition.
    pub async fn book_in(&self, partition: i32, id: &str, user: &str) -> (i32, i64) {
        let mut event = booking(id);
        event["userId"] = user.into();
        self.produce(&self.bookings, &Message::event(&event).partition(partition)).await
    }
}
