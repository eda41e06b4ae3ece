-- The whole log. Positions are dense per shard because every append runs under SQLite's one write lock
-- (BEGIN IMMEDIATE) and takes max(position) + 1 there.

CREATE TABLE IF NOT EXISTS log (
    log_id TEXT NOT NULL,
    format INTEGER NOT NULL,
    shards INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS event (
    shard INTEGER NOT NULL,
    position INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    append_id TEXT NOT NULL,
    first INTEGER NOT NULL,             -- 1 on the first event of each append
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    data BLOB NOT NULL,                 -- a blob, so that SQLite leaves the bytes alone
    actor TEXT,
    run_id TEXT,
    trace TEXT,
    head BLOB,                          -- the head change as JSON
    PRIMARY KEY (shard, position)
);

CREATE UNIQUE INDEX IF NOT EXISTS event_by_thread ON event (tenant, thread_id, seq);
CREATE UNIQUE INDEX IF NOT EXISTS event_by_append_id ON event (tenant, thread_id, append_id) WHERE first = 1;

CREATE TABLE IF NOT EXISTS head (
    tenant TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    position INTEGER NOT NULL,          -- of the thread's first event: the order of creation
    created_us INTEGER NOT NULL,
    owner TEXT,
    title TEXT,
    status TEXT NOT NULL DEFAULT 'active',
    info TEXT,
    deleted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, thread_id)
);

CREATE INDEX IF NOT EXISTS head_by_creation ON head (tenant, position) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS head_by_owner ON head (tenant, owner, position) WHERE deleted = 0;

CREATE TABLE IF NOT EXISTS snapshot (
    tenant TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    projection TEXT NOT NULL,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    "check" TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (tenant, thread_id, projection, version)
);
