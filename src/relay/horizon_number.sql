-- None before the sequence was first used.
SELECT coalesce(pg_sequence_last_value('worker.ledger_sequence'), 0)
