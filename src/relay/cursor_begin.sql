-- A group with many rows had them before it had a relay: it begins at the beginning.
WITH own AS (
    SELECT sequence
    FROM worker.ledger
    WHERE group_id = $1
    ORDER BY topic, partition, record_offset
    LIMIT 10001
)
INSERT INTO worker.relay (group_id, published_sequence)
SELECT $1, CASE WHEN count(*) > 10000 THEN 0 ELSE least(min(sequence) - 1, $2) END
FROM own
ON CONFLICT (group_id) DO NOTHING
