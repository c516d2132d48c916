-- The next outcomes that are published according to the relay: sequence numbers after $2 up to $3.
SELECT sequence, topic, partition, record_offset, revision, subject
FROM worker.ledger
WHERE group_id = $1 AND announcement IS NOT NULL AND sequence > $2 AND sequence <= $3
ORDER BY sequence
LIMIT $4
