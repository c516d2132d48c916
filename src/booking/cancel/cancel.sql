-- Cancels the rows that are still accepted and still their owner's; the arrays come ordered by row id.
UPDATE public.bookings
SET status = 'Cancelled', updated_at = now()
FROM unnest($1::integer[], $2::integer[]) AS change (id, owner_id)
WHERE bookings.id = change.id
  AND bookings.user_id = change.owner_id
  AND bookings.status = 'Accepted'
RETURNING bookings.id
