-- The worker's own tables. Several consumer groups may share one database: every key starts with the group.
-- Names of groups and topics compare by bytes (COLLATE "C"): cheaper in an index, and what Kafka does.

-- How far each partition has been applied. The row changes in the same transaction as the effects of the
-- records below it; Kafka's committed offset only follows.
CREATE TABLE worker.positions (
    group_id        text COLLATE "C" NOT NULL,
    topic           text COLLATE "C" NOT NULL,
    partition       integer NOT NULL,
    next_offset     bigint NOT NULL CHECK (next_offset >= 0),
    -- Records that retention removed from the topic before they were read.
    skipped_records bigint NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 50); -- room on the page: each update stays heap-only

-- One row per record and change of outcome. Wide columns stand last, fixed ones first: no padding.
CREATE TABLE worker.ledger (
    record_offset bigint NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    -- The transaction that wrote the row: readers that must miss nothing follow it, not the clock.
    xid           xid8 NOT NULL DEFAULT pg_current_xact_id(),
    partition     integer NOT NULL,
    revision      smallint NOT NULL DEFAULT 0,
    group_id      text COLLATE "C" NOT NULL,
    topic         text COLLATE "C" NOT NULL,
    -- What the record is about, in CloudEvents' word.
    subject       text COLLATE "C" NOT NULL,
    outcome       text COLLATE "C" NOT NULL,
    reason        text COLLATE "C",
    -- W3C Baggage as it came, and the id of the W3C trace (16 bytes).
    baggage       text,
    trace_id      bytea,
    -- A sentence for people: what was wrong, and where.
    detail        text,
    PRIMARY KEY (group_id, topic, partition, record_offset, revision)
);
CREATE INDEX ledger_subject ON worker.ledger (subject);

-- Records set aside, whole: waiting ones are retried, dead ones need a person.
CREATE TABLE worker.held (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id         text COLLATE "C" NOT NULL,
    topic            text COLLATE "C" NOT NULL,
    partition        integer NOT NULL,
    record_offset    bigint NOT NULL,
    record_timestamp timestamptz,
    key              bytea,
    payload          bytea,
    -- [{"name": text, "value": base64 text or null}, …] in the record's order.
    headers          jsonb NOT NULL DEFAULT '[]',
    subject          text COLLATE "C" NOT NULL,
    reason           text COLLATE "C" NOT NULL,
    status           text COLLATE "C" NOT NULL
                     CHECK (status IN ('waiting', 'dead', 'redriven', 'discarded')),
    attempts         integer NOT NULL DEFAULT 0,
    -- When a waiting record is to be tried next; null for the others.
    next_attempt_at  timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (group_id, topic, partition, record_offset),
    CHECK ((status = 'waiting') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX held_waiting ON worker.held (next_attempt_at) WHERE status = 'waiting';
