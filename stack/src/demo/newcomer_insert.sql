INSERT INTO public.users (email, username, date_of_birth, name, surname)
SELECT email, username, '1991-05-04', initcap(split_part(username, '-', 1)), 'Newcomer'
FROM (VALUES ($1::varchar, $2::varchar)) AS newcomer (email, username)
ON CONFLICT DO NOTHING
