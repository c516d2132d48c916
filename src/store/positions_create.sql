INSERT INTO worker.positions (group_id, topic, partition, next_offset, first_offset)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (group_id, topic, partition) DO NOTHING
