//! What a test sees of a world while it breaks it.

use tokio_postgres::Client;

use super::compare::until;
use super::{Worker, World, stack};

impl World {
    /// Another connection to this world's database on the shared server.
    pub async fn another_connection(&self) -> Client {
        stack().await.postgres.connect(&self.database_name).await.unwrap()
    }

    /// How many records have been applied, over all partitions of topics that begin at 0.
    pub async fn applied(&self) -> i64 {
        self.positions().await.iter().map(|(.., next)| next).sum()
    }

    /// Waits until so many records have been applied, for as long as the lanes go on.
    pub async fn applies(&self, worker: &mut Worker, count: i64) {
        loop {
            let applied = self.applied().await;
            if applied >= count {
                return;
            }
            until("the lanes to go on", async || {
                assert!(worker.exited().is_none(), "the worker ended:\n{}", worker.text());
                self.applied().await > applied
            })
            .await;
        }
    }

    /// How many records there are to be applied, in topics without gaps.
    pub async fn produced(&self) -> i64 {
        self.ends().await.values().sum()
    }

    /// Waits until the server has noticed that no worker is connected any more.
    pub async fn connections_end(&self) {
        let sql = "SELECT FROM pg_stat_activity WHERE datname = $1 AND application_name = 'worker'";
        until("the workers' connections to end", async || {
            self.database.query(sql, &[&self.database_name]).await.unwrap().is_empty()
        })
        .await;
    }
}
