-- Each event's user (by id, else e-mail, else username) and room, in the order of the events.
SELECT
    coalesce(
        (SELECT id FROM public.users WHERE id = event.user_number),
        (SELECT id FROM public.users WHERE email = event.user_reference),
        (SELECT id FROM public.users WHERE username = event.user_reference)
    ) AS user_id,
    (SELECT id FROM public.rooms WHERE internal_id = event.room_reference) AS room_id
FROM unnest($1::integer[], $2::text[], $3::text[])
     WITH ORDINALITY AS event (user_number, user_reference, room_reference, ordinal)
ORDER BY event.ordinal
