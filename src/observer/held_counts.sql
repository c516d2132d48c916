-- The group's records that are set aside, from `held_counts` alone.
SELECT status, reason, count(*)
FROM worker.held
WHERE group_id = $1 AND status IN ('waiting', 'dead')
GROUP BY status, reason
ORDER BY status, reason
