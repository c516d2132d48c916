-- Sets records aside. Only a replay finds a row of the record's earlier life, and begins its story anew.
INSERT INTO worker.held
    (group_id, topic, partition, record_offset, record_timestamp, key, payload, headers, subject, reason,
     status, next_attempt_at, holds_back)
SELECT $1, $2, $3, record_offset, to_timestamp(record_timestamp / 1000.0), key, payload, headers, subject,
       reason, status, CASE status WHEN 'waiting' THEN now() + make_interval(secs => seconds) END, $4
FROM unnest($5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[], $9::jsonb[], $10::text[], $11::text[],
            $12::text[], $13::double precision[])
     AS entry (record_offset, record_timestamp, key, payload, headers, subject, reason, status, seconds)
ON CONFLICT (group_id, topic, partition, record_offset) DO UPDATE
SET subject = excluded.subject, reason = excluded.reason, status = excluded.status, attempts = 0,
    next_attempt_at = excluded.next_attempt_at, waiting_since = now(), updated_at = now()
