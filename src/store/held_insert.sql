INSERT INTO worker.held
    (group_id, topic, partition, record_offset, record_timestamp, key, payload, headers, subject, reason,
     status, next_attempt_at)
SELECT $1, $2, $3, record_offset, to_timestamp(record_timestamp / 1000.0), key, payload, headers, subject,
       reason, status, CASE status WHEN 'waiting' THEN now() END
FROM unnest($4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::jsonb[], $9::text[], $10::text[],
            $11::text[])
     AS entry (record_offset, record_timestamp, key, payload, headers, subject, reason, status)
