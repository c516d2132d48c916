-- Creates the bookings that are new, accepted or refused, and returns their ids; the arrays come ordered by booking id.
INSERT INTO public.bookings
    (booking_id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status)
SELECT booking_id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status
FROM unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::date[], $6::date[], $7::text[],
            $8::text[])
     AS event (booking_id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status)
ON CONFLICT (booking_id) DO NOTHING
RETURNING booking_id
