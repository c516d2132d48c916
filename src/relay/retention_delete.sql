-- All rows of each of these records, or none: what waits, is dead, is young or unpublished stays whole.
WITH settings AS (
    SELECT now() - make_interval(secs => $6) AS cutoff, published_sequence
    FROM worker.relay
    WHERE group_id = $1
), gone AS (
    DELETE FROM worker.ledger AS row
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset < $5
      AND NOT EXISTS (
          SELECT FROM worker.ledger AS other
          WHERE other.group_id = $1 AND other.topic = $2 AND other.partition = $3
            AND other.record_offset = row.record_offset
            AND (other.recorded_at >= (SELECT cutoff FROM settings)
                 OR other.sequence > (SELECT published_sequence FROM settings))
      )
      AND NOT EXISTS (
          SELECT FROM worker.held
          WHERE held.group_id = $1 AND held.topic = $2 AND held.partition = $3
            AND held.record_offset = row.record_offset
            AND (held.status IN ('waiting', 'dead') OR held.updated_at >= (SELECT cutoff FROM settings))
      )
    RETURNING record_offset
), forgotten AS (
    DELETE FROM worker.held
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND status IN ('redriven', 'discarded')
      AND record_offset IN (SELECT record_offset FROM gone)
)
UPDATE worker.positions
SET pruned_below = $5, pruned_before = (SELECT cutoff FROM settings)
WHERE group_id = $1 AND topic = $2 AND partition = $3 AND pruned_below < $5
