-- The next records set aside: how many, the last id, and the last id of all.
SELECT count(*), max(id), (SELECT max(id) FROM worker.held)
FROM (SELECT id FROM worker.held WHERE group_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS chunk
