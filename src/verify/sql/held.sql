-- Records set aside (ids after $2 up to $3) of which the ledger says something else, or nothing. Where it says
-- that they are set aside too, or redriven, the check of the outcomes has looked at both. $4 has all words that
-- an outcome may be. Retention takes the outcomes of what is redriven or discarded.
SELECT CASE WHEN entry.outcome IS NULL THEN 'held_without_outcome' ELSE 'held_differs' END AS kind,
       held.group_id, held.topic, held.partition, held.record_offset, held.subject,
       CASE
           WHEN entry.outcome IS NULL
           THEN format('the row %s in worker.held is %s (%s), but the record has no outcome', held.id,
                       held.status, held.reason)
           ELSE format('the row %s in worker.held is %s (%s), but the record is %s', held.id, held.status,
                       held.reason, concat(entry.outcome, ' (' || entry.reason || ')'))
       END AS detail
FROM worker.held
LEFT JOIN LATERAL (
    SELECT outcome, reason
    FROM worker.ledger
    WHERE ledger.group_id = held.group_id AND ledger.topic = held.topic AND ledger.partition = held.partition
      AND ledger.record_offset = held.record_offset
    ORDER BY revision DESC
    LIMIT 1
) AS entry ON true
WHERE held.group_id = $1 AND held.id > $2 AND held.id <= $3
  AND CASE
      WHEN entry.outcome IS NULL
      THEN held.status IN ('waiting', 'dead')
           OR NOT EXISTS (
               SELECT
               FROM worker.positions
               WHERE positions.group_id = held.group_id AND positions.topic = held.topic
                 AND positions.partition = held.partition AND held.record_offset < positions.pruned_below
           )
      ELSE entry.outcome NOT IN ('held', 'dead', 'discarded', 'redriven')
           AND entry.outcome = ANY ($4::text[])
           AND held.status <> 'redriven'
      END
ORDER BY held.id
