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
    SELECT room.id AS room_id, booking.start_date, booking.end_date
    FROM room
    CROSS JOIN LATERAL (
        SELECT start_date, end_date
        FROM public.bookings
        WHERE room_id = room.id AND status = 'Accepted'
          -- The sum keeps the index on (start_date, end_date) out: it would be read from its beginning, for each room.
          AND end_date > room.first_date AND start_date + 0 < room.last_date
        OFFSET 0 -- Room by room, over its index; else the whole table is read, even for a single stay.
    ) AS booking
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
