-- The next bookings that events made: how many, the last id, and the last id of all.
SELECT count(*), max(id)::bigint, (SELECT max(id)::bigint FROM public.bookings)
FROM (
    SELECT id
    FROM public.bookings
    WHERE booking_id IS NOT NULL AND id > $1::bigint
    ORDER BY id
    LIMIT $2::bigint
) AS chunk
