-- Each event's user (by id, else e-mail, else username) and booking (by booking id, else row id), in the order
-- of the events.
SELECT
    coalesce(
        (SELECT id FROM public.users WHERE id = event.user_number),
        (SELECT id FROM public.users WHERE email = event.user_reference),
        (SELECT id FROM public.users WHERE username = event.user_reference)
    ) AS user_id,
    booking.id,
    booking.booking_id,
    booking.user_id AS owner_id,
    booking.status,
    (SELECT internal_id FROM public.rooms WHERE id = booking.room_id) AS room_reference
FROM unnest($1::text[], $2::integer[], $3::text[], $4::integer[])
     WITH ORDINALITY AS event (booking_reference, booking_number, user_reference, user_number, ordinal)
LEFT JOIN LATERAL (
    SELECT id, booking_id, user_id, room_id, status
    FROM public.bookings
    WHERE id = coalesce(
        (SELECT id FROM public.bookings WHERE booking_id = event.booking_reference),
        event.booking_number
    )
) AS booking ON true
ORDER BY event.ordinal
