-- The next records of a partition that have outcomes, from $4 to $5.
SELECT record_offset, max(subject) AS subject
FROM worker.ledger
WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset < $5
GROUP BY record_offset
ORDER BY record_offset
LIMIT $6
