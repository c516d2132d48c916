-- Bookings that no event made: they have no booking id, and can only be cancelled by their row's id.
INSERT INTO public.bookings (user_id, room_id, number_of_guests, start_date, end_date, payment_id, status)
SELECT users.id, rooms.id, 2, current_date + days, current_date + days + 3, 'front-desk-' || days, status
FROM (VALUES
        ('ada',    'room_ocean_001',  10, 'Accepted'),
        ('chiara', 'room_garden_101', 20, 'Accepted'),
        ('elif',   'room_city_202',   30, 'Accepted'),
        ('grace',  'room_city_201',   40, 'Refused')
     ) AS stay (username, room, days, status)
JOIN public.users USING (username)
JOIN public.rooms ON rooms.internal_id = stay.room
