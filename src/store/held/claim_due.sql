-- Waiting records that are due, oldest first, as many as fit these bytes; others may work on the rest. Each with the
-- span of its first try, which is looked up record by record (LIMIT keeps the planner from joining the whole ledger).
WITH due AS MATERIALIZED (
    SELECT id, octet_length(payload) AS bytes
    FROM worker.held
    WHERE group_id = $1 AND topic = $2 AND status = 'waiting' AND next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), sized AS (
    SELECT id, sum(coalesce(bytes, 0)) OVER (ORDER BY id) AS total, row_number() OVER (ORDER BY id) AS number
    FROM due
)
SELECT id, partition, record_offset, (extract(epoch FROM record_timestamp) * 1000)::bigint AS record_timestamp,
       key, payload, headers, subject, reason, status, attempts,
       now() - waiting_since > make_interval(secs => $4) AS expired, trace_id, span_id, trace_flags
FROM sized JOIN worker.held USING (id)
LEFT JOIN LATERAL (
    SELECT trace_id, span_id, trace_flags
    FROM worker.ledger
    WHERE group_id = held.group_id AND topic = held.topic AND partition = held.partition
      AND record_offset = held.record_offset AND revision = 0
    LIMIT 1
) AS first_try ON true
WHERE number = 1 OR total <= $5
ORDER BY id
