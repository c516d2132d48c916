-- The lane's own update of the row changes other columns only: neither undoes the other.
UPDATE worker.positions
SET dead_accepted_below = next_offset
WHERE group_id = $1 AND topic = $2 AND partition = $3
RETURNING dead_accepted_below
