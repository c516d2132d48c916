-- The next of the records that are diverted to a namespace and that no group of this database has taken, by the order
-- of the ledger, which `ledger_diverted` gives.
SELECT entry.sequence, entry.topic, entry.partition, entry.record_offset, entry.subject, entry.baggage,
       entry.recorded_at, extract(epoch FROM now() - entry.recorded_at)::double precision AS age
FROM worker.ledger AS entry
WHERE entry.group_id = $1
  AND entry.outcome = 'diverted'
  AND entry.baggage LIKE '%okteto-divert%'
  AND entry.sequence > $2
  AND entry.sequence <= $3
  AND ($4::text IS NULL OR entry.topic = $4)
  AND ($5::text IS NULL OR entry.subject = $5)
  AND ($6::double precision IS NULL OR entry.recorded_at <= now() - make_interval(secs => $6))
  AND NOT EXISTS (
      SELECT
      FROM worker.ledger AS later
      WHERE later.group_id = entry.group_id AND later.topic = entry.topic AND later.partition = entry.partition
        AND later.record_offset = entry.record_offset AND later.revision > entry.revision
  )
  AND NOT EXISTS (
      SELECT
      FROM worker.positions AS other
      JOIN worker.ledger AS theirs USING (group_id, topic, partition)
      WHERE other.group_id <> entry.group_id AND other.topic = entry.topic
        AND other.partition = entry.partition AND theirs.record_offset = entry.record_offset
        AND theirs.outcome <> 'diverted'
  )
ORDER BY entry.sequence
LIMIT $7
