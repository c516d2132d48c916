-- What became of each record that the sample sent: of the rows about it, the highest revision is current.
SELECT topic, outcome, reason,
       count(*) AS records,
       count(*) FILTER (WHERE first_held) AS first_held,
       count(*) FILTER (WHERE redriven) AS redriven
FROM (
        SELECT topic,
               (array_agg(outcome ORDER BY revision DESC))[1] AS outcome,
               coalesce((array_agg(reason ORDER BY revision DESC))[1], '') AS reason,
               bool_or(revision = 0 AND outcome = 'held') AS first_held,
               bool_or(outcome = 'redriven') AS redriven
        FROM unnest($2::text[], $3::int[], $4::bigint[]) AS sent (topic, partition, record_offset)
        JOIN worker.ledger USING (topic, partition, record_offset)
        WHERE recorded_at >= $1
        GROUP BY topic, partition, record_offset
     ) AS record
GROUP BY topic, outcome, reason
ORDER BY topic, count(*) DESC, outcome, reason
