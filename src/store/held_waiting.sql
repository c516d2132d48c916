-- Of these subjects, those that have waiting records, and whether one of these holds later records back.
SELECT subject, bool_or(holds_back)
FROM worker.held
WHERE group_id = $1 AND status = 'waiting' AND subject = ANY ($2::text[])
GROUP BY subject
