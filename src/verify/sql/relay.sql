-- How far the group's outcomes are published, and the highest sequence number that was ever given out.
SELECT relay.published_sequence,
       CASE WHEN sequence.is_called THEN sequence.last_value ELSE sequence.last_value - 1 END
FROM worker.relay
CROSS JOIN worker.ledger_sequence AS sequence
WHERE relay.group_id = $1
