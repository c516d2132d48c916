-- What the role that runs the worker may do: what its statements need, and nothing else. To be run by the owner (see
-- roles.sql) after `worker migrate`, each time that a migration was applied; it may be run again.
--
-- What follows from it: that role can neither change a schema nor drop anything; it reads no other table, nothing of a
-- user but what identifies them; it deletes no booking and moves none to another user, room or date; it cannot rewrite
-- the ledger, only add to it and, for LEDGER_RETENTION, delete from it.

\set ON_ERROR_STOP on
\if :{?runner} \else \set runner worker \endif

GRANT USAGE ON SCHEMA public, worker TO :"runner";

-- Whom an event means, by id, e-mail or username (booking/*/resolve.sql, find.sql); `worker explain` shows the username.
GRANT SELECT (id, email, username) ON public.users TO :"runner";

-- Which room an event means, and how many it takes (resolve.sql, find.sql, rooms.sql).
GRANT SELECT (id, internal_id, capacity) ON public.rooms TO :"runner";
-- BOOKING_OVERLAP=refuse locks rooms FOR UPDATE (rooms_locked.sql), for which PostgreSQL asks the right to update any
-- one column; nothing ever does. Not needed where that setting is off.
GRANT UPDATE (updated_at) ON public.rooms TO :"runner";

-- What stands under an id (existing.sql, find.sql), what takes a room (taken.sql), `worker explain` and `verify`.
GRANT SELECT (id, booking_id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status, created_at,
              updated_at)
ON public.bookings TO :"runner";
-- A booking is made (insert.sql); its id comes from the sequence.
GRANT INSERT (booking_id, user_id, room_id, number_of_guests, start_date, end_date, payment_id, status)
ON public.bookings TO :"runner";
SELECT format('GRANT USAGE ON SEQUENCE %s TO %I', pg_get_serial_sequence('public.bookings', 'id'), :'runner')
\gexec
-- A booking is cancelled (cancel.sql).
GRANT UPDATE (status, updated_at) ON public.bookings TO :"runner";

-- Positions begin, move, and are never deleted (positions_*.sql, retention_delete.sql, held accept, positions set).
GRANT SELECT, INSERT, UPDATE ON worker.positions TO :"runner";
-- An overlay begins, once (positions_begin.sql).
GRANT SELECT, INSERT ON worker.groups TO :"runner";
-- Outcomes are added (ledger_*.sql, discard_ledger.sql) and, when they are old, deleted (retention_delete.sql); never
-- changed.
GRANT SELECT, INSERT, DELETE ON worker.ledger TO :"runner";
-- Each takes a number; the relay and `worker verify` ask for the last one (horizon_number.sql, relay.sql).
GRANT USAGE, SELECT ON SEQUENCE worker.ledger_sequence TO :"runner";
-- Records are set aside, tried, and leave (store/held/*.sql, discard.sql, retention_delete.sql).
GRANT SELECT, INSERT, UPDATE, DELETE ON worker.held TO :"runner";
-- How far outcomes are published (cursor_*.sql).
GRANT SELECT, INSERT, UPDATE ON worker.relay TO :"runner";
-- Whether the schema is this binary's (migrations.rs), which MIGRATE_ON_START asks at each start.
GRANT SELECT ON worker.schema_history TO :"runner";
