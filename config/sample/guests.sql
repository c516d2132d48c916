-- Guests and rooms for the sample of docker-compose.yml. Whatever is there already stays as it is.
INSERT INTO public.users (email, username, date_of_birth, name, surname)
VALUES
    ('ada@guests.example',    'ada',          '1985-12-10', 'Ada',    'Moreau'),
    ('bruno@guests.example',  'bruno.k',      '1979-04-02', 'Bruno',  'Keller'),
    ('chiara@guests.example', 'chiara',       '1992-08-21', 'Chiara', 'Conti'),
    ('femi@guests.example',   'femi-travels', '1988-11-03', 'Femi',   'Okafor'),
    ('grace@guests.example',  'grace',        '1964-09-09', 'Grace',  'O''Neill')
ON CONFLICT DO NOTHING;

INSERT INTO public.rooms (internal_id, name, floor, bathrooms, beds, capacity)
VALUES
    ('room_ocean_001',  'Ocean Suite',    1, 2, 2, 4),
    ('room_garden_101', 'Garden Terrace', 0, 1, 2, 3),
    ('room_city_201',   'City Loft',      4, 2, 3, 6)
ON CONFLICT DO NOTHING;
