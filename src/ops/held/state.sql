-- How these records stand now; those that are done and gone do not show.
SELECT id, status
FROM worker.held
WHERE group_id = $1 AND id = ANY ($2::bigint[])
