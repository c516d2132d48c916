INSERT INTO worker.ledger
    (group_id, topic, partition, record_offset, subject, outcome, reason, baggage, trace_id, span_id,
     trace_flags, detail, announcement)
SELECT $1, $2, $3, record_offset, subject, outcome, reason, baggage, trace_id, span_id, trace_flags, detail,
       announcement
FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::bytea[],
            $11::smallint[], $12::text[], $13::text[])
     AS entry (record_offset, subject, outcome, reason, baggage, trace_id, span_id, trace_flags, detail,
               announcement)
