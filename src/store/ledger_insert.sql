INSERT INTO worker.ledger
    (group_id, topic, partition, record_offset, subject, outcome, reason, baggage, trace_id, detail)
SELECT $1, $2, $3, record_offset, subject, outcome, reason, baggage, trace_id, detail
FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::text[])
     AS entry (record_offset, subject, outcome, reason, baggage, trace_id, detail)
