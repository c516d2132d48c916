-- The same, and until the end of the transaction nobody else adds a booking of these rooms: an insert takes a lock
-- on its room through the foreign key, which FOR UPDATE excludes. It waits for those that are under way. In one
-- order, so that no two lanes wait for each other.
SELECT id, capacity
FROM public.rooms
WHERE id = ANY ($1::integer[])
ORDER BY id
FOR UPDATE
