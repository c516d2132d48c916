-- `ledger_outbox` has these rows only, in this order.
SELECT sequence, topic, partition, record_offset, revision, subject, outcome, reason, detail, baggage, trace_id,
       span_id, trace_flags, recorded_at, announcement, outcome = 'dead' AS is_dead
FROM worker.ledger
WHERE group_id = $1 AND sequence > $2 AND sequence <= $3 AND (announcement IS NOT NULL OR outcome = 'dead')
ORDER BY sequence
LIMIT $4
