-- A position that was set back to before where the group began: the records from there on are its own, too.
UPDATE worker.positions
SET first_offset = next_offset
WHERE group_id = $1 AND topic = $2 AND partition = $3 AND first_offset > next_offset
