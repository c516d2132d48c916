-- Of these claimed records, those that come after one of their subject which is not theirs to overtake; and whether that
-- is one that holds later records back, or one of the same topic that is due (by now, not when the transaction began)
-- and that somebody else works on, rather than one that waits for nothing but its turn or the subject itself.
SELECT claimed.id,
       bool_or(earlier.holds_back OR earlier.next_attempt_at <= clock_timestamp())
FROM worker.held AS claimed
JOIN worker.held AS earlier
    ON earlier.subject = claimed.subject
    AND earlier.group_id = claimed.group_id
    AND earlier.status = 'waiting'
    AND earlier.id < claimed.id
WHERE claimed.id = ANY ($1::bigint[])
  AND earlier.id <> ALL ($1::bigint[])
  AND (earlier.holds_back
       OR (earlier.topic = claimed.topic
           AND (earlier.next_attempt_at <= clock_timestamp() OR earlier.reason = ANY ($2::text[]))))
GROUP BY claimed.id
