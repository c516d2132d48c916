-- Sets aside, as if they were dead, records that are diverted: below the position, so that no lane is about to decide
-- about them; what the ledger says they are about, in case the topic was made anew; and not taken by the group that
-- they were meant for.
INSERT INTO worker.held
    (group_id, topic, partition, record_offset, record_timestamp, key, payload, headers, subject, reason, status,
     holds_back)
SELECT $1, $2, $3, entry.record_offset, to_timestamp(entry.record_timestamp / 1000.0), entry.key, entry.payload,
       entry.headers, entry.subject, entry.reason, entry.status, $4
FROM unnest($5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[], $9::jsonb[], $10::text[], $11::text[],
            $12::text[], $13::text[])
     AS entry (record_offset, record_timestamp, key, payload, headers, subject, reason, status, baggage)
JOIN worker.positions AS own
    ON own.group_id = $1 AND own.topic = $2 AND own.partition = $3 AND own.next_offset > entry.record_offset
CROSS JOIN LATERAL (
    SELECT outcome, subject, baggage
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset = entry.record_offset
    ORDER BY revision DESC
    LIMIT 1
) AS last
WHERE last.outcome = 'diverted'
  AND last.subject = entry.subject
  AND last.baggage IS NOT DISTINCT FROM entry.baggage
  AND NOT EXISTS (
      SELECT
      FROM worker.positions AS other
      JOIN worker.ledger AS theirs USING (group_id, topic, partition)
      WHERE other.group_id <> $1 AND other.topic = $2 AND other.partition = $3
        AND theirs.record_offset = entry.record_offset AND theirs.outcome <> 'diverted'
  )
ORDER BY entry.record_offset
ON CONFLICT (group_id, topic, partition, record_offset) DO NOTHING
RETURNING id
