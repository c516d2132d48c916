-- What the group's relay has before it, none where it has not begun; `ledger_outbox` is looked at no further than
-- so many rows, those of other groups among them.
SELECT (SELECT count(*) FILTER (WHERE ahead.group_id = relay.group_id)
        FROM (SELECT group_id
              FROM worker.ledger
              WHERE sequence > relay.published_sequence AND (announcement IS NOT NULL OR outcome = 'dead')
              ORDER BY sequence
              LIMIT $2) AS ahead)
FROM worker.relay
WHERE group_id = $1
