-- What stands under these booking ids, to be compared with the events.
SELECT booking_id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status
FROM public.bookings
WHERE booking_id = ANY ($1::text[])
