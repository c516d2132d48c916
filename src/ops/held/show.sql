SELECT topic, partition, record_offset, record_timestamp, key, payload, headers, subject, reason, status,
       attempts, holds_back, next_attempt_at, created_at, updated_at,
       extract(epoch FROM now() - created_at)::double precision AS age
FROM worker.held
WHERE group_id = $1 AND id = $2
