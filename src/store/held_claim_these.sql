-- These records, where they are (still) waiting or dead, and nobody else works on them.
SELECT id, partition, record_offset, (extract(epoch FROM record_timestamp) * 1000)::bigint AS record_timestamp,
       key, payload, headers, subject, reason, status, attempts, false AS expired
FROM worker.held
WHERE group_id = $1 AND topic = $2 AND id = ANY ($3::bigint[]) AND status IN ('waiting', 'dead')
ORDER BY id
FOR UPDATE SKIP LOCKED
