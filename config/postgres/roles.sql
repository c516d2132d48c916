-- Two roles for the worker: one owns its schema and migrates it, the other one runs the worker and can do no more than
-- its statements need (grants.sql). To be run once, by a superuser, in the worker's database:
--
--   psql -d booking_management -f config/postgres/roles.sql
--   psql -d booking_management -c '\password worker_owner' -c '\password worker'
--   DB_USER=worker_owner DB_PASSWORD_FILE=... worker migrate
--   psql -d booking_management -U worker_owner -f config/postgres/grants.sql
--   DB_USER=worker DB_PASSWORD_FILE=... worker
--
-- Other names: -v owner=... -v runner=... to both files. Where the tables in `public` are there already, the owner is
-- theirs: -v owner=<whoever owns public.bookings>, because only a table's owner can add a column (V1 does).
-- It may be run again; passwords are left as they are.

\set ON_ERROR_STOP on
\if :{?owner} \else \set owner worker_owner \endif
\if :{?runner} \else \set runner worker \endif

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', name)
FROM (VALUES (:'owner'), (:'runner')) AS role (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- Said now, not by the migration.
SELECT set_config('worker.owner', :'owner', false);
DO $$
DECLARE
    theirs text := (SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'bookings');
BEGIN
    IF NOT pg_has_role(current_setting('worker.owner'), theirs, 'USAGE') THEN
        RAISE EXCEPTION 'public.bookings belongs to %', quote_ident(theirs)
            USING HINT = format('Run this with -v owner=%s, and migrate as that role.', theirs);
    END IF;
END
$$;

-- Both connect, also where that is taken from PUBLIC. The owner creates the schema `worker` and, on an empty
-- database, the shared tables. The runner may not even make temporary tables, once PUBLIC may not.
SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), :'owner', :'runner')
UNION ALL
SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), :'owner')
\gexec
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";

-- What PUBLIC has on a database of the worker's own is better taken away; others who share it may rely on it:
--
--   REVOKE ALL ON DATABASE booking_management FROM PUBLIC;
--   REVOKE ALL ON SCHEMA public FROM PUBLIC;
