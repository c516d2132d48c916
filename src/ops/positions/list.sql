SELECT topic, partition, next_offset, skipped_records, dead_accepted_below, updated_at
FROM worker.positions
WHERE group_id = $1
ORDER BY topic, partition
