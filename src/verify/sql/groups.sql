-- All groups that have left something in the worker's tables, by leaps over the ledger's key.
WITH RECURSIVE recorded AS (
    (SELECT group_id FROM worker.ledger ORDER BY group_id LIMIT 1)
    UNION ALL
    SELECT (SELECT group_id FROM worker.ledger WHERE group_id > recorded.group_id ORDER BY group_id LIMIT 1)
    FROM recorded
    WHERE recorded.group_id IS NOT NULL
)
SELECT group_id FROM recorded WHERE group_id IS NOT NULL
UNION
SELECT group_id FROM worker.positions
UNION
SELECT group_id FROM worker.held
UNION
SELECT group_id FROM worker.relay
ORDER BY group_id
