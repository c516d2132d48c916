-- What waited for these subjects is tried at once. What is being tried this moment is passed over: whoever
-- applies live records never waits for a retry.
UPDATE worker.held
SET next_attempt_at = now()
WHERE id IN (
    SELECT id
    FROM worker.held
    WHERE group_id = $1 AND status = 'waiting' AND subject = ANY ($2::text[]) AND next_attempt_at > now()
    FOR UPDATE SKIP LOCKED
)
