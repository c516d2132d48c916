-- Outcomes from $4 to $5 of a partition that the bookings contradict.
WITH entry AS MATERIALIZED (
    SELECT record_offset, revision, subject, outcome
    FROM worker.ledger
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND record_offset >= $4 AND record_offset <= $5
      AND outcome IN ('accepted', 'cancelled')
), finding AS (
    SELECT 'accepted_without_booking' AS kind, record_offset, subject,
           'it is accepted, but no row of bookings has this booking_id' AS detail
    FROM entry
    WHERE outcome = 'accepted'
      AND NOT EXISTS (SELECT FROM public.bookings WHERE booking_id = entry.subject COLLATE "default")

    UNION ALL
    -- A booking that no event made is named by its row id.
    SELECT 'cancelled_but_accepted', record_offset, subject,
           'it is cancelled, but the booking is still Accepted'
    FROM entry
    CROSS JOIN LATERAL (
        SELECT bool_and(status = 'Accepted') AS stands
        FROM (
            SELECT status FROM public.bookings WHERE booking_id = entry.subject COLLATE "default"
            UNION ALL
            SELECT status
            FROM public.bookings
            WHERE booking_id IS NULL
              AND id = CASE WHEN entry.subject ~ '^0*[0-9]{1,18}$' THEN entry.subject::bigint END
        ) AS booking
    ) AS booking
    WHERE outcome = 'cancelled'
      AND booking.stands
      AND NOT EXISTS (
          SELECT
          FROM worker.ledger AS later
          WHERE later.group_id = $1 AND later.topic = $2 AND later.partition = $3
            AND later.record_offset = entry.record_offset AND later.revision > entry.revision
      )
)
SELECT kind, $1::text AS group_id, $2::text AS topic, $3::integer AS partition, record_offset, subject, detail
FROM finding
ORDER BY record_offset
