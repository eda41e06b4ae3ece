-- The tables. {schema} and {app} are replaced by the names of the schema and of the application's role.
--
-- Text is compared byte by byte (COLLATE "C").

CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE {schema}.log (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    log_id uuid NOT NULL,
    shards integer NOT NULL CHECK (shards > 0)
);

-- Which migrations this schema has had; see sql/migrations.
CREATE TABLE {schema}.migration (
    name text COLLATE "C" PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Every event. Partitioned by shard and not by time: a unique index must hold the partition key, and time in it would
-- destroy the guarantee that a thread's seqs are unique. `first` marks the first event of an append; `deleted` says
-- whether the thread is deleted after this event, so that its last event tells all that decides an append.
CREATE TABLE {schema}.event (
    shard integer NOT NULL,
    position bigint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    thread_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    id uuid NOT NULL,
    append_id text COLLATE "C" NOT NULL,
    first boolean NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    type text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    time_us bigint NOT NULL,
    actor text COLLATE "C",
    run_id text COLLATE "C",
    trace text COLLATE "C",
    head text COLLATE "C",
    data bytea NOT NULL,
    PRIMARY KEY (shard, position)
) PARTITION BY LIST (shard);

CREATE UNIQUE INDEX event_by_thread ON {schema}.event (shard, tenant, thread_id, seq);
CREATE UNIQUE INDEX event_by_append_id ON {schema}.event (shard, tenant, thread_id, append_id) WHERE first;

-- Where shards end. A view sees with its owner's eyes, past row-level security: numbers, and nothing else.
CREATE VIEW {schema}.event_position AS SELECT shard, position, time_us FROM {schema}.event;

-- Rewritten only by an append that changes a listed field, never by an ordinary one.
CREATE TABLE {schema}.head (
    shard integer NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    thread_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    created_us bigint NOT NULL,
    owner text COLLATE "C",
    title text COLLATE "C",
    status text COLLATE "C" NOT NULL DEFAULT 'active',
    info text COLLATE "C",
    deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, thread_id)
);

-- All positions are above 0. Only the queries for all heads say so, lest one for an owner's heads go by this index.
CREATE INDEX head_by_creation ON {schema}.head (tenant, position) WHERE NOT deleted AND position > 0;
CREATE INDEX head_by_owner ON {schema}.head (tenant, owner, position) WHERE NOT deleted;

CREATE TABLE {schema}.snapshot (
    tenant text COLLATE "C" NOT NULL,
    thread_id text COLLATE "C" NOT NULL,
    projection text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    seq bigint NOT NULL,
    "check" text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (tenant, thread_id, projection, version)
);
