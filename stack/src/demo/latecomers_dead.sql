SELECT subject
FROM worker.held
WHERE topic = $1 AND partition = $2 AND record_offset = $3 AND status = 'dead'
ORDER BY id DESC
LIMIT 1
