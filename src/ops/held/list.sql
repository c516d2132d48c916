SELECT id, topic, partition, record_offset, subject, reason, status, attempts, created_at, next_attempt_at,
       extract(epoch FROM now() - created_at)::double precision AS age,
       extract(epoch FROM next_attempt_at - now())::double precision AS due_in,
       count(*) OVER () AS total
FROM worker.held
WHERE group_id = $1
  AND status = ANY ($2::text[])
  AND ($3::text IS NULL OR reason = $3)
  AND ($4::text IS NULL OR topic = $4)
  AND ($5::text IS NULL OR subject = $5)
  AND ($6::double precision IS NULL OR created_at <= now() - make_interval(secs => $6))
ORDER BY id
LIMIT $7
