INSERT INTO public.users (email, username, date_of_birth, name, surname)
VALUES
    ('ada@guests.example',    'ada',         '1985-12-10', 'Ada',    'Moreau'),
    ('bruno@guests.example',  'bruno.k',     '1979-04-02', 'Bruno',  'Keller'),
    ('chiara@guests.example', 'chiara',      '1992-08-21', 'Chiara', 'Conti'),
    ('dmitri@guests.example', 'dmitri_77',   '1977-01-30', 'Dmitri', 'Petrov'),
    ('elif@guests.example',   'elif',        '1990-06-15', 'Elif',   'Yılmaz'),
    ('femi@guests.example',   'femi-travels','1988-11-03', 'Femi',   'Okafor'),
    ('grace@guests.example',  'grace',       '1964-09-09', 'Grace',  'O''Neill'),
    -- A username that looks like a number: found as a username where no id is that number.
    ('hana@guests.example',   '90210047',    '2000-02-29', 'Hana',   'Sato')
ON CONFLICT DO NOTHING;

INSERT INTO public.rooms (internal_id, name, floor, bathrooms, beds, capacity)
VALUES
    ('room_ocean_001',  'Ocean Suite',      1, 2, 2, 4),
    ('room_ocean_002',  'Ocean Balcony',    1, 1, 1, 2),
    ('room_garden_101', 'Garden Terrace',   0, 1, 2, 3),
    ('room_garden_102', 'Garden Studio',    0, 1, 1, 2),
    ('room_city_201',   'City Loft',        4, 2, 3, 6),
    ('room_city_202',   'City Single',      4, 1, 1, 1)
ON CONFLICT DO NOTHING;
