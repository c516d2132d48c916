-- The next rows of a partition, whole records only: how many rows, how many records, and the last offset.
SELECT count(*), count(DISTINCT record_offset), max(record_offset)
FROM (
    SELECT record_offset
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset <= $5
    ORDER BY record_offset
    FETCH FIRST ($6::bigint) ROWS WITH TIES
) AS chunk
