SELECT dead_accepted_below
FROM worker.positions
WHERE group_id = $1 AND topic = $2 AND partition = $3
