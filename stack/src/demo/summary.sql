-- What became of each record that the sample sent: of the rows about it, the highest revision is current.
SELECT topic, outcome, reason, count(*)
FROM (
        SELECT DISTINCT ON (topic, partition, record_offset)
               topic, outcome, coalesce(reason, '') AS reason
        FROM unnest($2::text[], $3::int[], $4::bigint[]) AS sent (topic, partition, record_offset)
        JOIN worker.ledger USING (topic, partition, record_offset)
        WHERE recorded_at >= $1
        ORDER BY topic, partition, record_offset, revision DESC
     ) AS current
GROUP BY topic, outcome, reason
ORDER BY topic, count(*) DESC, outcome, reason
