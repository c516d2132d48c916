SELECT bookings.id::text, users.username, bookings.status
FROM public.bookings
JOIN public.users ON users.id = bookings.user_id
WHERE bookings.booking_id IS NULL
  AND bookings.payment_id LIKE 'front-desk-%'
  AND users.email LIKE '%@guests.example'
  AND bookings.status IN ('Accepted', 'Refused')
