-- What waits for these subjects is due at once. What is being tried this moment is passed over, and told: whoever
-- applies live records never waits for a retry.
WITH waiting AS (
    SELECT id, subject
    FROM worker.held
    WHERE group_id = $1 AND status = 'waiting' AND subject = ANY ($2::text[])
), free AS (
    SELECT id
    FROM worker.held
    WHERE id IN (SELECT id FROM waiting)
    FOR UPDATE SKIP LOCKED
), woken AS (
    UPDATE worker.held
    SET next_attempt_at = now()
    WHERE id IN (SELECT id FROM free) AND next_attempt_at > now()
)
SELECT DISTINCT subject
FROM waiting
WHERE id NOT IN (SELECT id FROM free)
