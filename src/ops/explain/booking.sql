-- The booking of this id; else, as a cancellation finds it, of this row id.
SELECT booking.id, booking.booking_id, booking.user_id, users.username, rooms.internal_id AS room,
       booking.number_of_guests, booking.start_date, booking.end_date, booking.payment_id, booking.status,
       booking.created_at, booking.updated_at,
       -- Records may be filed under its row id, unless that is another booking's id.
       NOT EXISTS (SELECT FROM public.bookings AS other WHERE other.booking_id = booking.id::text) AS has_number
FROM public.bookings AS booking
LEFT JOIN public.users ON users.id = booking.user_id
LEFT JOIN public.rooms ON rooms.id = booking.room_id
WHERE booking.id = coalesce((SELECT id FROM public.bookings WHERE booking_id = $1), $2)
