-- Of these claimed records, those that come after one of their subject which is not theirs to overtake: one that
-- holds later records back, or one of the same topic that is due (by now, not when the transaction began) and that
-- somebody else works on.
SELECT DISTINCT claimed.id
FROM worker.held AS claimed
JOIN worker.held AS earlier
    ON earlier.subject = claimed.subject
    AND earlier.group_id = claimed.group_id
    AND earlier.status = 'waiting'
    AND earlier.id < claimed.id
WHERE claimed.id = ANY ($1::bigint[])
  AND earlier.id <> ALL ($1::bigint[])
  AND (earlier.holds_back OR (earlier.topic = claimed.topic AND earlier.next_attempt_at <= clock_timestamp()))
