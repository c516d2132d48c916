-- Gives the bookings that the earlier Go worker stored the ids under which they were booked: it kept the payment's id,
-- and each event has both. docs/okteto.md says when to run this. Running it again changes nothing.
--
-- A temporary table `told (booking_id text, payment_id text)` holds what the topic's events say. An id that two
-- payments claim, or a payment that two ids claim, names nothing. Of two rows of one booking (redelivered to a worker
-- that inserted it twice) the first one gets the name; the other one stays without, for a person to look at.
WITH pairs AS (
    SELECT DISTINCT booking_id, payment_id FROM told WHERE booking_id <> '' AND payment_id <> ''
),
clear AS (
    SELECT booking_id, payment_id
    FROM (
        SELECT booking_id, payment_id,
               count(*) OVER (PARTITION BY booking_id) AS payments,
               count(*) OVER (PARTITION BY payment_id) AS ids
        FROM pairs
    ) AS counted
    WHERE payments = 1 AND ids = 1
),
nameless AS (
    SELECT DISTINCT ON (payment_id) payment_id, id
    FROM public.bookings
    WHERE booking_id IS NULL AND payment_id <> ''
    ORDER BY payment_id, id
)
UPDATE public.bookings
SET booking_id = clear.booking_id
FROM clear JOIN nameless USING (payment_id)
WHERE bookings.id = nameless.id
  AND NOT EXISTS (SELECT FROM public.bookings AS named WHERE named.booking_id = clear.booking_id);
