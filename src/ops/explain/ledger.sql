-- Every revision of each record that has named the booking, in the order in which they came about.
SELECT ledger.group_id, ledger.topic, ledger.partition, ledger.record_offset, ledger.revision, ledger.recorded_at,
       ledger.sequence, ledger.subject, ledger.outcome, ledger.reason, ledger.detail, ledger.baggage,
       ledger.trace_id, ledger.announcement IS NOT NULL AS told,
       ledger.sequence <= relay.published_sequence AS published,
       held.id AS held_id, held.status AS held_status, held.reason AS held_reason, held.attempts,
       held.next_attempt_at,
       ledger.revision = max(ledger.revision) OVER (
           PARTITION BY ledger.group_id, ledger.topic, ledger.partition, ledger.record_offset
       ) AS current,
       count(*) OVER () AS total
FROM worker.ledger
LEFT JOIN worker.held USING (group_id, topic, partition, record_offset)
LEFT JOIN worker.relay USING (group_id)
WHERE (ledger.group_id, ledger.topic, ledger.partition, ledger.record_offset) IN (
    SELECT group_id, topic, partition, record_offset
    FROM worker.ledger
    WHERE subject = ANY ($1::text[])
)
ORDER BY ledger.sequence, ledger.revision
LIMIT $2
