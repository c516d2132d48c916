-- Which of these stays, by their place in the arrays, find their room taken for any of their nights. A stay may
-- begin on the day on which another ends. The bookings of each room are looked through once, however many stays
-- ask for it.
WITH stay AS MATERIALIZED (
    SELECT room_id, start_date, end_date, ordinal
    FROM unnest($1::integer[], $2::date[], $3::date[])
         WITH ORDINALITY AS stay (room_id, start_date, end_date, ordinal)
), room AS MATERIALIZED (
    SELECT room_id AS id, min(start_date) AS first_date, max(end_date) AS last_date
    FROM stay
    GROUP BY room_id
), taken AS MATERIALIZED (
    SELECT bookings.room_id, bookings.start_date, bookings.end_date
    FROM room
    JOIN public.bookings
        ON bookings.room_id = room.id
        AND bookings.status = 'Accepted'
        AND bookings.start_date < room.last_date
        AND bookings.end_date > room.first_date
)
SELECT stay.ordinal
FROM stay
WHERE EXISTS (
    SELECT
    FROM taken
    WHERE taken.room_id = stay.room_id
      AND taken.start_date < stay.end_date
      AND taken.end_date > stay.start_date
)
