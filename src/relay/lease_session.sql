SET application_name = 'worker relay';
-- A cursor that a crash sets back costs only that some outcomes are published twice.
SET synchronous_commit = off;
-- The lock of a worker whose host is gone must fall soon, and that of one that was killed while a statement of
-- its relay waits.
SET tcp_keepalives_idle = 5;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '11s';
SELECT set_config(name, '1s', false)
FROM pg_settings
WHERE name = 'client_connection_check_interval' AND current_setting('server_version_num')::integer >= 150000;
