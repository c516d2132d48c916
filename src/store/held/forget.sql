-- A replay has decided these records anew: nothing of them waits any more.
DELETE FROM worker.held
WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset = ANY ($4::bigint[])
