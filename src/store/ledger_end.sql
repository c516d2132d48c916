SELECT max(record_offset) + 1
FROM worker.ledger
WHERE group_id = $1 AND topic = $2 AND partition = $3
