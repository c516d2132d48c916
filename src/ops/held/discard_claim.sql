-- Those of these records that still wait or are dead, and that nobody else works on.
SELECT id, subject
FROM worker.held
WHERE group_id = $1 AND id = ANY ($2::bigint[]) AND status IN ('waiting', 'dead')
ORDER BY id
FOR UPDATE SKIP LOCKED
