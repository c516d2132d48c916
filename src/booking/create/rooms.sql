-- The capacity of each room; null where it has no limit.
SELECT id, capacity
FROM public.rooms
WHERE id = ANY ($1::integer[])
