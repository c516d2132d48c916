-- Bookings that events made (ids after $1 up to $2), which no record accounts for, or more than one. Of several
-- groups that share the database, any one's record will do. What retention has taken is not asked for.
WITH told AS MATERIALIZED (
    SELECT booking.id, booking.booking_id::text AS subject, booking.status, booking.created_at,
           (SELECT count(*)
            FROM worker.ledger
            WHERE subject = booking.booking_id::text COLLATE "C" AND outcome = 'accepted') AS accepted
    FROM public.bookings AS booking
    WHERE booking.booking_id IS NOT NULL AND booking.id > $1::bigint AND booking.id <= $2::bigint
)
SELECT 'booking_without_outcome' AS kind, NULL::text AS group_id, NULL::text AS topic,
       NULL::integer AS partition, NULL::bigint AS record_offset, subject,
       format('the row %s of bookings is %s, but no record says so', id, status) AS detail
FROM told
WHERE accepted = 0
  AND NOT coalesce(created_at AT TIME ZONE 'UTC' < (SELECT max(pruned_before) FROM worker.positions), false)
  -- What a rule refuses has its row too, by which the booking is known.
  AND NOT (
      status = 'Refused'
      AND EXISTS (
          SELECT
          FROM worker.ledger
          WHERE ledger.subject = told.subject COLLATE "C" AND outcome = 'rejected'
            AND reason IN ('room_taken', 'over_capacity')
      )
  )

UNION ALL
SELECT 'accepted_twice', last.group_id, last.topic, last.partition, last.record_offset, told.subject,
       format('%s records are accepted for this one booking', records)
FROM told
CROSS JOIN LATERAL (
    SELECT count(DISTINCT (group_id, topic, partition, record_offset)) AS records
    FROM worker.ledger
    WHERE ledger.subject = told.subject COLLATE "C" AND outcome = 'accepted'
) AS several
CROSS JOIN LATERAL (
    SELECT group_id, topic, partition, record_offset
    FROM worker.ledger
    WHERE ledger.subject = told.subject COLLATE "C" AND outcome = 'accepted'
    ORDER BY sequence DESC
    LIMIT 1
) AS last
WHERE accepted > 1 AND records > 1
