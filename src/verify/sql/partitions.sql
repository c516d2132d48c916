-- Each partition of a group that has a position or outcomes: by leaps over the ledger's key.
WITH RECURSIVE recorded AS (
    (SELECT topic, partition FROM worker.ledger WHERE group_id = $1 ORDER BY topic, partition LIMIT 1)
    UNION ALL
    SELECT next.topic, next.partition
    FROM recorded
    CROSS JOIN LATERAL (
        SELECT topic, partition
        FROM worker.ledger
        WHERE group_id = $1 AND (topic, partition) > (recorded.topic, recorded.partition)
        ORDER BY topic, partition
        LIMIT 1
    ) AS next
)
SELECT topic, partition, position.next_offset, position.skipped_records, position.pruned_below,
       ends.first_offset AS first_recorded, ends.last_offset AS last_recorded,
       coalesce(position.first_offset, ends.first_offset, position.next_offset) AS first_offset
FROM recorded
FULL JOIN (SELECT * FROM worker.positions WHERE group_id = $1) AS position USING (topic, partition)
CROSS JOIN LATERAL (
    SELECT min(record_offset) AS first_offset, max(record_offset) AS last_offset
    FROM worker.ledger
    WHERE ledger.group_id = $1 AND ledger.topic = coalesce(recorded.topic, position.topic)
      AND ledger.partition = coalesce(recorded.partition, position.partition)
) AS ends
ORDER BY topic, partition
