SELECT topic, partition
FROM worker.positions
WHERE group_id = $1
ORDER BY topic, partition
