UPDATE worker.relay
SET published_sequence = $3, updated_at = now()
WHERE group_id = $1 AND published_sequence = $2
RETURNING published_sequence
