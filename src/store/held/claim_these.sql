-- These records, where they are (still) waiting or dead, and nobody else works on them; each with the span of its
-- first try, as in claim_due.sql.
SELECT id, partition, record_offset, (extract(epoch FROM record_timestamp) * 1000)::bigint AS record_timestamp,
       key, payload, headers, subject, reason, status, attempts, false AS expired,
       trace_id, span_id, trace_flags
FROM worker.held
LEFT JOIN LATERAL (
    SELECT trace_id, span_id, trace_flags
    FROM worker.ledger
    WHERE group_id = held.group_id AND topic = held.topic AND partition = held.partition
      AND record_offset = held.record_offset AND revision = 0
    LIMIT 1
) AS first_try ON true
WHERE group_id = $1 AND topic = $2 AND id = ANY ($3::bigint[]) AND status IN ('waiting', 'dead')
ORDER BY id
FOR UPDATE OF held SKIP LOCKED
