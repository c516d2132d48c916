-- Of these subjects, those that have waiting records; whether one of these holds later records back; and whether one of
-- the same topic waits for nothing but its turn or the subject itself. What a replay is about to decide anew does not.
SELECT subject,
       bool_or(holds_back),
       bool_or(topic = $2 AND reason = ANY ($4::text[]) AND NOT (partition = $5 AND record_offset >= $6))
FROM worker.held
WHERE group_id = $1 AND status = 'waiting' AND subject = ANY ($3::text[])
GROUP BY subject
