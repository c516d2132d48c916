-- Records that are done: what waited leaves, its story is in the ledger; what a person redrove stays on file.
WITH kept AS (
    UPDATE worker.held
    SET status = 'redriven', attempts = attempts + 1, updated_at = now()
    WHERE id = ANY ($1::bigint[]) AND status = 'dead'
)
DELETE FROM worker.held
WHERE id = ANY ($1::bigint[]) AND status = 'waiting'
