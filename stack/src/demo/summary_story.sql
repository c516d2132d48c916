-- The booking to which most happened, of those that the sample spoke of.
SELECT subject
FROM unnest($2::text[], $3::int[], $4::bigint[]) AS sent (topic, partition, record_offset)
JOIN worker.ledger USING (topic, partition, record_offset)
WHERE recorded_at >= $1 AND subject <> ''
GROUP BY subject
ORDER BY count(DISTINCT outcome) DESC, count(*) DESC, min(recorded_at)
LIMIT 1
