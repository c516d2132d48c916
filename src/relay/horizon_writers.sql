SELECT virtualtransaction, pid
FROM pg_locks
WHERE locktype = 'relation'
  AND relation = 'worker.ledger'::regclass
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode = 'RowExclusiveLock'
  AND granted
