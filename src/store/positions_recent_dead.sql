-- Of the partition's last records, oldest first, whether each was dead when it was first applied; those that a
-- person has looked at do not count.
SELECT outcome = 'dead'
FROM (
    SELECT record_offset, outcome
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset < $4 AND record_offset >= $5
      AND revision = 0
    ORDER BY record_offset DESC
    LIMIT $6
) AS recent
ORDER BY record_offset
