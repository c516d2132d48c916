UPDATE worker.positions
SET next_offset = $5, updated_at = now()
WHERE group_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $4
