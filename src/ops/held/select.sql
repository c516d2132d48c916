-- The next of the chosen records, in the order in which they were set aside.
SELECT id, topic, partition, record_offset, subject, coalesce(octet_length(payload), 0) AS bytes
FROM worker.held
WHERE group_id = $1
  AND status = ANY ($2::text[])
  AND ($3::text IS NULL OR reason = $3)
  AND ($4::text IS NULL OR topic = $4)
  AND ($5::text IS NULL OR subject = $5)
  AND ($6::double precision IS NULL OR created_at <= now() - make_interval(secs => $6))
  AND ($7::bigint[] IS NULL OR id = ANY ($7))
  AND id > $8
  AND id <= $9
ORDER BY id
LIMIT $10
