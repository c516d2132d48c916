-- The group's first start, once and for all partitions: whoever comes second changes nothing, and waits until the
-- first has ended one way or the other.
WITH begun AS (
    INSERT INTO worker.groups (group_id)
    VALUES ($1)
    ON CONFLICT (group_id) DO NOTHING
    RETURNING group_id
), placed AS (
    INSERT INTO worker.positions (group_id, topic, partition, next_offset, first_offset)
    SELECT begun.group_id, start.topic, start.partition, start.next_offset, start.next_offset
    FROM begun
    CROSS JOIN unnest($2::text[], $3::integer[], $4::bigint[]) AS start (topic, partition, next_offset)
    ON CONFLICT (group_id, topic, partition) DO NOTHING
    RETURNING topic, partition, next_offset
)
SELECT placed.topic, placed.partition, placed.next_offset
FROM begun
LEFT JOIN placed ON true
ORDER BY placed.topic, placed.partition
