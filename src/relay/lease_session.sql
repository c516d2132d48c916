SET application_name = 'worker relay';
-- A cursor that a crash sets back costs only that some outcomes are published twice.
SET synchronous_commit = off;
-- Every statement of the relay has an index that gives its rows in their order. While a table has no statistics
-- yet, the planner would rather sort all that is left, for each window anew.
SET enable_sort = off;
SET enable_seqscan = off;
-- The lock of a worker whose host is gone must fall soon, and that of one that was killed while a statement of
-- its relay waits.
SET tcp_keepalives_idle = 5;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '11s';
SELECT set_config(name, '1s', false)
FROM pg_settings
WHERE name = 'client_connection_check_interval' AND current_setting('server_version_num')::integer >= 150000;
