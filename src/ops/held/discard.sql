UPDATE worker.held
SET status = 'discarded', next_attempt_at = NULL, updated_at = now()
WHERE id = ANY ($1::bigint[])
