SELECT revision, recorded_at, subject, outcome, reason, detail
FROM worker.ledger
WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset = $4
ORDER BY revision
