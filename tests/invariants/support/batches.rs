//! Records that a lane is certain to apply in one batch.

use super::{Message, World, eventually, stack};

impl World {
    /// Has a running worker apply these records of a topic in one transaction; returns what became of them.
    ///
    /// A lock holds up a record before them until all have arrived, which a record of the other topic tells.
    pub async fn one_batch(&self, topic: &str, messages: &[Message]) -> Vec<String> {
        let other = if *topic == *self.bookings { &self.cancellations } else { &self.bookings };
        self.settled().await;
        let mut connection = stack().await.postgres.connect(&self.database_name).await.unwrap();
        let lock = connection.transaction().await.unwrap();
        lock.batch_execute("LOCK TABLE worker.held IN SHARE MODE").await.unwrap();
        self.produce(topic, &Message::bytes("dead, so a row in worker.held is due")).await;
        let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'worker.held'::regclass \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually("the lock to hold the lane up", async || self.database.query_opt(waiting, &[]).await)
            .await;

        let places = self.produce_all(topic, messages).await;
        let elsewhere = Message::bytes("").header("baggage", "okteto-divert=elsewhere");
        let (partition, offset) = self.produce(other, &elsewhere).await;
        eventually("a later record of the other topic to be applied", async || {
            let here = |(topic, number, next): &(String, i32, i64)| {
                topic == other && *number == partition && *next > offset
            };
            Ok::<_, ()>(self.positions().await.iter().any(here).then_some(()))
        })
        .await;
        lock.rollback().await.unwrap();
        self.settled().await;

        let sql = "SELECT concat_ws(':', outcome, reason), xmin::text FROM worker.ledger \
                   WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset = $4";
        let (mut verdicts, mut transactions) = (Vec::new(), Vec::new());
        for (partition, offset) in places {
            let row =
                self.database.query_one(sql, &[&self.group, &topic, &partition, &offset]).await.unwrap();
            verdicts.push(row.get(0));
            transactions.push(row.get::<_, String>(1));
        }
        transactions.dedup();
        assert_eq!(transactions.len(), 1, "the records were meant to be one batch");
        verdicts
    }
}
