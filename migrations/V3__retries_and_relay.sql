-- What retries, dead letters and the relay of outcomes need.

-- While a record that holds back waits, later records of its subject queue behind it.
ALTER TABLE worker.held
    ADD COLUMN holds_back    boolean NOT NULL DEFAULT false,
    -- Since when it waits; a redrive begins anew.
    ADD COLUMN waiting_since timestamptz NOT NULL DEFAULT now();
UPDATE worker.held SET waiting_since = created_at, holds_back = reason <> 'unknown_booking';
ALTER TABLE worker.held ALTER COLUMN holds_back DROP DEFAULT;
DROP INDEX worker.held_waiting;
CREATE INDEX held_due ON worker.held (group_id, topic, next_attempt_at) WHERE status = 'waiting';
CREATE INDEX held_waiting_subject ON worker.held (group_id, subject) WHERE status = 'waiting';
-- How many there are is asked every few seconds, and answered without a look at the table.
CREATE INDEX held_counts ON worker.held (group_id, status, reason) WHERE status IN ('waiting', 'dead');

-- The order in which outcomes came about: of two records of one subject, the one whose transaction saw the
-- other's effect has the higher number. A transaction takes its numbers under the lock on the table that it holds
-- to its end: once everyone who held it when the sequence stood at n is over, no number up to n can appear any
-- more.
CREATE SEQUENCE worker.ledger_sequence;
ALTER TABLE worker.ledger RENAME COLUMN xid TO sequence;
ALTER TABLE worker.ledger ALTER COLUMN sequence DROP DEFAULT;
ALTER TABLE worker.ledger ALTER COLUMN sequence TYPE bigint USING nextval('worker.ledger_sequence');
ALTER TABLE worker.ledger ALTER COLUMN sequence SET DEFAULT nextval('worker.ledger_sequence');
ALTER SEQUENCE worker.ledger_sequence OWNED BY worker.ledger.sequence;
ALTER TABLE worker.ledger
    -- The record's own span (8 bytes) and the trace's flags, so that what is published continues the trace.
    ADD COLUMN span_id      bytea,
    ADD COLUMN trace_flags  smallint,
    -- The domain's fields of the status event, a JSON object; null where nothing is to be told.
    ADD COLUMN announcement text;
CREATE INDEX ledger_outbox ON worker.ledger (sequence) WHERE announcement IS NOT NULL OR outcome = 'dead';

-- How far the outcomes of each group have been published.
CREATE TABLE worker.relay (
    group_id           text COLLATE "C" PRIMARY KEY,
    -- All rows of the ledger up to this sequence number are published.
    published_sequence bigint NOT NULL,
    updated_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

ALTER TABLE worker.positions
    -- Dead records below this offset no longer count towards the limit: a person has looked at them.
    ADD COLUMN dead_accepted_below bigint NOT NULL DEFAULT 0,
    -- Retention has deleted the ledger's rows of records below this offset, all of them older than this time;
    -- those of records that still wait or are dead stay.
    ADD COLUMN pruned_below        bigint NOT NULL DEFAULT 0,
    ADD COLUMN pruned_before       timestamptz;

-- Where the worker began with the partition: records below are not its own. Null where nobody noted it.
ALTER TABLE worker.positions ADD COLUMN first_offset bigint;

-- The groups that began at the ends of their topics, as an overlay's does. A partition of theirs without a position
-- came into being later, and is read from its beginning.
CREATE TABLE worker.groups (
    group_id text COLLATE "C" PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO worker.groups (group_id) SELECT DISTINCT group_id FROM worker.positions;

-- Records that belong to a namespace, in the groups of the others: a person may look for them. Not what an overlay
-- leaves to the shared worker, which is nearly all that it reads.
CREATE INDEX ledger_diverted ON worker.ledger (group_id, sequence)
WHERE outcome = 'diverted' AND baggage LIKE '%okteto-divert%';
