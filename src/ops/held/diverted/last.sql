-- The last of the group's outcomes: what is diverted later is not meant.
SELECT max(sequence)
FROM worker.ledger
WHERE group_id = $1 AND outcome = 'diverted' AND baggage LIKE '%okteto-divert%'
