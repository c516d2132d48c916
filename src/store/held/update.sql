-- What a retry has made of records that stay set aside.
UPDATE worker.held
SET subject = entry.subject, reason = entry.reason, status = entry.status, attempts = attempts + 1,
    -- A redriven record, and one whose turn has only come now, has its whole time before it.
    waiting_since = CASE
        WHEN held.status <> 'waiting' OR (held.reason = 'queued' AND entry.reason <> 'queued') THEN now()
        ELSE waiting_since
    END,
    next_attempt_at = CASE entry.status WHEN 'waiting' THEN now() + make_interval(secs => entry.seconds) END,
    updated_at = now()
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::double precision[])
     AS entry (id, subject, reason, status, seconds)
WHERE held.id = entry.id
