SELECT pg_try_advisory_lock(hashtextextended('worker.relay ' || $1::text, 0))
