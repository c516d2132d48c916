SELECT published_sequence
FROM worker.relay
WHERE group_id = $1
