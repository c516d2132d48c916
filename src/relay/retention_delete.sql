-- All rows of each of these records, or none: what waits, is dead, is young or unpublished stays whole.
-- NOT IN, because it is answered from a hash table whatever the planner thinks of the sizes.
WITH settings AS MATERIALIZED (
    SELECT now() - make_interval(secs => $6) AS cutoff, published_sequence
    FROM worker.relay
    WHERE group_id = $1
), kept AS MATERIALIZED (
    SELECT record_offset
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset < $5
      AND (recorded_at >= (SELECT cutoff FROM settings)
           OR sequence > (SELECT published_sequence FROM settings))
    UNION ALL
    SELECT record_offset
    FROM worker.held
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset < $5
      AND (status IN ('waiting', 'dead') OR updated_at >= (SELECT cutoff FROM settings))
), gone AS (
    DELETE FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset < $5
      AND record_offset NOT IN (SELECT record_offset FROM kept)
    RETURNING record_offset
), forgotten AS (
    DELETE FROM worker.held
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset < $5
      AND record_offset NOT IN (SELECT record_offset FROM kept)
)
-- What stayed behind may be younger than all that went before it.
UPDATE worker.positions
SET pruned_below = greatest(pruned_below, $5), pruned_before = (SELECT cutoff FROM settings)
WHERE group_id = $1 AND topic = $2 AND partition = $3
  AND (pruned_below < $5 OR EXISTS (SELECT FROM gone))
