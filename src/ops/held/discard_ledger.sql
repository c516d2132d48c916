-- The records' next revisions; baggage and trace are those of the revision before.
INSERT INTO worker.ledger
    (group_id, topic, partition, record_offset, revision, subject, outcome, baggage, trace_id, span_id,
     trace_flags, detail)
SELECT held.group_id, held.topic, held.partition, held.record_offset, coalesce(last.revision + 1, 0),
       held.subject, 'discarded', last.baggage, last.trace_id, last.span_id, last.trace_flags, $2
FROM worker.held
LEFT JOIN LATERAL (
    SELECT revision, baggage, trace_id, span_id, trace_flags
    FROM worker.ledger
    WHERE ledger.group_id = held.group_id AND ledger.topic = held.topic
      AND ledger.partition = held.partition AND ledger.record_offset = held.record_offset
    ORDER BY revision DESC
    LIMIT 1
) AS last ON true
WHERE held.id = ANY ($1::bigint[])
ORDER BY held.id
