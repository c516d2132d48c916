-- These records as they are kept, one row for each, up to so many bytes and at least one.
WITH sized AS MATERIALIZED (
    SELECT entry.sequence, held.id,
           row_number() OVER (ORDER BY entry.sequence) AS number,
           sum(coalesce(octet_length(key), 0) + coalesce(octet_length(payload), 0)
               + coalesce(octet_length(headers::text), 0)) OVER (ORDER BY entry.sequence) AS total
    FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::bigint[])
         AS entry (sequence, topic, partition, record_offset)
    LEFT JOIN worker.held
        ON held.group_id = $1 AND held.topic = entry.topic AND held.partition = entry.partition
        AND held.record_offset = entry.record_offset
)
SELECT held.id IS NOT NULL AS is_kept,
       (extract(epoch FROM held.record_timestamp) * 1000)::bigint AS record_timestamp,
       held.key, held.payload, held.headers
FROM sized
LEFT JOIN worker.held ON held.id = sized.id
WHERE number = 1 OR total <= $6
ORDER BY sequence
