-- The id of the transaction that this runs in, by which its fate can be asked for.
SELECT pg_current_xact_id()::text
