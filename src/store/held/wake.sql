-- What waits for these subjects is due at once. What is being tried this moment is passed over, and told: whoever
-- applies live records never waits for a retry. What comes behind it is woken with it, later.
WITH waiting AS (
    SELECT id, subject
    FROM worker.held
    WHERE group_id = $1 AND status = 'waiting' AND subject = ANY ($2::text[])
), free AS (
    SELECT id
    FROM worker.held
    WHERE id IN (SELECT id FROM waiting)
    FOR UPDATE SKIP LOCKED
), passed_over AS (
    SELECT subject, min(id) AS first_id
    FROM waiting
    WHERE id NOT IN (SELECT id FROM free)
    GROUP BY subject
), woken AS (
    UPDATE worker.held
    SET next_attempt_at = now()
    WHERE id IN (SELECT id FROM free)
      AND next_attempt_at > now()
      AND NOT EXISTS (SELECT FROM passed_over WHERE subject = held.subject AND first_id < held.id)
)
SELECT subject
FROM passed_over
