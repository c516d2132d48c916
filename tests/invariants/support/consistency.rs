//! What must hold in every database that a worker has written to, whatever the records were.

use super::{Entry, World};

/// Each row breaks the promise; together with the ledger's own keys nothing else could.
const BROKEN: &str = "
    SELECT 'accepted without its booking', subject FROM worker.ledger
    WHERE outcome = 'accepted'
      AND NOT EXISTS (SELECT FROM public.bookings WHERE bookings.booking_id = ledger.subject)
UNION ALL
    SELECT outcome || ' twice', subject FROM worker.ledger
    WHERE outcome IN ('accepted', 'cancelled') GROUP BY outcome, subject HAVING count(*) > 1
UNION ALL
    SELECT 'cancelled, but the booking is not', ledger.subject
    FROM worker.ledger
    LEFT JOIN public.bookings AS named ON named.booking_id = ledger.subject
    LEFT JOIN public.bookings AS numbered ON numbered.id::text = ledger.subject
    WHERE outcome = 'cancelled' AND coalesce(named.status, numbered.status) IS DISTINCT FROM 'Cancelled'
UNION ALL
    SELECT 'set aside by one table only', coalesce(ledger.subject, held.subject)
    FROM (
        SELECT * FROM (
            SELECT DISTINCT ON (group_id, topic, partition, record_offset) * FROM worker.ledger
            ORDER BY group_id, topic, partition, record_offset, revision DESC
        ) AS current
        WHERE outcome IN ('held', 'dead')
    ) AS ledger
    FULL JOIN worker.held USING (group_id, topic, partition, record_offset)
    WHERE ledger.outcome IS DISTINCT FROM CASE held.status WHEN 'waiting' THEN 'held' ELSE held.status END
       OR ledger.reason IS DISTINCT FROM held.reason OR ledger.subject IS DISTINCT FROM held.subject";

impl World {
    /// Asserts that every record of both topics has its outcomes in the ledger, numbered from 0 without a gap, and
    /// that outcomes, held records and bookings agree.
    pub async fn assert_consistent(&self) {
        self.nothing_is_due().await;
        let ledger = self.ledger().await;
        for topic in [&self.bookings, &self.cancellations] {
            for (partition, end) in (0..).zip(self.admin().end_offsets(topic).await.unwrap()) {
                let rows =
                    ledger.iter().filter(|entry| entry.topic == *topic && entry.partition == partition);
                let mut next = (0, 0);
                for entry in rows {
                    let found = (entry.offset, entry.revision);
                    let first_of_next = (next.0 + i64::from(next.1 > 0), 0);
                    assert!(
                        found == next || found == first_of_next,
                        "{found:?} of {topic}/{partition}, not {next:?}"
                    );
                    next = (entry.offset, entry.revision + 1);
                }
                assert_eq!(next.0 + i64::from(next.1 > 0), end, "the ledger's rows of {topic}/{partition}");
            }
        }
        let broken = self.database.query(BROKEN, &[]).await.unwrap();
        let broken: Vec<(&str, &str)> = broken.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(broken.is_empty(), "{broken:?}");
        let words =
            |entry: &Entry| matches!(&*entry.outcome, "rejected" | "held" | "dead") == entry.reason.is_some();
        assert!(ledger.iter().all(words), "a reason is missing, or there is one too many: {ledger:?}");
    }
}
