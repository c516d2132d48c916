-- What became of each record: of the rows about it, the highest revision is current.
SELECT topic, outcome, reason, count(*)
FROM (
        SELECT DISTINCT ON (group_id, topic, partition, record_offset)
               topic, outcome, coalesce(reason, '') AS reason
        FROM worker.ledger
        WHERE recorded_at >= $1
        ORDER BY group_id, topic, partition, record_offset, revision DESC
     ) AS current
GROUP BY topic, outcome, reason
ORDER BY topic, count(*) DESC, outcome, reason
