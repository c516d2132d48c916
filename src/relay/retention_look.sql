-- The rows at the front of a partition, from where retention has come to; or, where an offset is given, of those
-- that stayed behind. At the front the first row that is too young or unpublished is the end.
WITH place AS (
    SELECT coalesce($4::bigint, pruned_below) AS from_offset,
           CASE WHEN $4::bigint IS NULL THEN next_offset ELSE least(pruned_below, next_offset) END AS end_offset,
           published_sequence
    FROM worker.positions
    JOIN worker.relay USING (group_id)
    WHERE group_id = $1 AND topic = $2 AND partition = $3
), rows AS MATERIALIZED (
    SELECT record_offset,
           recorded_at < now() - make_interval(secs => $5)
               AND sequence <= (SELECT published_sequence FROM place) AS is_old
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3
      AND record_offset >= (SELECT from_offset FROM place)
      AND record_offset < (SELECT end_offset FROM place)
    ORDER BY record_offset
    FETCH FIRST $6 ROWS WITH TIES
)
SELECT count(*) AS examined,
       coalesce(bool_or(is_old), false) AS has_old,
       $4::bigint IS NULL AND coalesce(bool_or(NOT is_old), false) AS is_cut_short,
       (SELECT from_offset FROM place) AS from_offset,
       coalesce(CASE WHEN $4::bigint IS NULL THEN min(record_offset) FILTER (WHERE NOT is_old) END,
                max(record_offset) + 1, 0) AS below_offset
FROM rows
HAVING count(*) > 0
