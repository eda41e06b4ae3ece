-- The log's calls. Each begins by naming the tenants that it serves (threadlog.tenants), because row-level security reads that setting:
-- set in the same plain statement as the query it would come too late.

-- The tenants that row-level security lets through; nothing where none were named.
CREATE OR REPLACE FUNCTION {schema}.served() RETURNS text[]
LANGUAGE sql STABLE SECURITY INVOKER PARALLEL SAFE
AS $$ SELECT coalesce(nullif(current_setting('threadlog.tenants', true), ''), '{}')::text[] $$;

-- A shard's last position. A number and nothing else, so it may look past row-level security.
CREATE OR REPLACE FUNCTION {schema}.last_position(the_shard integer) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN  -- plpgsql and not sql, because it keeps its plan: 0.02 ms against 0.3 ms
    RETURN coalesce((SELECT position FROM {schema}.event WHERE shard = the_shard ORDER BY position DESC LIMIT 1), 0);
END
$$;

-- Take the place of the shard's one writer until the end of the transaction.
CREATE OR REPLACE FUNCTION {schema}.lock_shard(the_shard integer, patience_ms integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- Under a snapshot that is older than the lock, positions would be taken twice.
        RAISE EXCEPTION 'threadlog appends under READ COMMITTED only' USING ERRCODE = 'TL001';
    END IF;
    PERFORM set_config('lock_timeout', patience_ms::text, true);
    PERFORM pg_advisory_xact_lock(1952803940, the_shard);
END
$$;

-- Apply the head changes of appends `from_number` to `to_number` that were stored after position `base`.
-- `fields` is a bit mask of what a change gives: 1 owner, 2 title, 4 status, 8 info, 16 deleted.
CREATE OR REPLACE FUNCTION {schema}.change_heads(
    the_shard integer, base bigint, from_number integer, to_number integer,
    numbers integer[], tenants text[], threads text[], append_ids text[], fields integer[],
    owners text[], titles text[], statuses text[], infos text[], deletions boolean[]
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
DECLARE
    new record;
BEGIN
    FOR new IN
        SELECT c.* FROM unnest(numbers, tenants, threads, append_ids, fields, owners, titles, statuses, infos, deletions)
             AS c (number, tenant, thread_id, append_id, fields, owner, title, status, info, deleted)
        WHERE c.number BETWEEN from_number AND to_number AND EXISTS (
            SELECT FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = c.tenant AND e.thread_id = c.thread_id
              AND e.append_id = c.append_id AND e.first AND e.position > base
        )
        ORDER BY c.number
    LOOP
        INSERT INTO {schema}.head (shard, tenant, thread_id, position, created_us)
        SELECT the_shard, e.tenant, e.thread_id, e.position, e.time_us FROM {schema}.event e
        WHERE e.shard = the_shard AND e.tenant = new.tenant AND e.thread_id = new.thread_id AND e.seq = 1
        ON CONFLICT (tenant, thread_id) DO NOTHING;

        UPDATE {schema}.head h SET
            owner = CASE WHEN new.fields & 1 > 0 THEN new.owner ELSE h.owner END,
            title = CASE WHEN new.fields & 2 > 0 THEN new.title ELSE h.title END,
            status = CASE WHEN new.fields & 4 > 0 THEN new.status ELSE h.status END,
            info = CASE WHEN new.fields & 8 > 0 THEN new.info ELSE h.info END,
            deleted = CASE WHEN new.fields & 16 > 0 THEN new.deleted ELSE h.deleted END
        WHERE h.tenant = new.tenant AND h.thread_id = new.thread_id;
    END LOOP;
END
$$;

-- Store many appends of one shard: lock, decide, insert, answer.
--
-- The statements of a VOLATILE function see what is committed when each begins, so what follows the lock sees every
-- earlier append; in one plain statement the snapshot would be older than the lock.
--
-- Appends come in segments, within which no thread occurs twice (a statement does not see its own rows): `segments`
-- and `event_segments` hold the number of the last append and of the last event of each. `modes`: 0 exact, 1 no thread, 2 thread exists, 3 any.
-- An answer's `kind`: 0 appended (seq and position of the first event), 1 conflict (the current seq),
-- 2 the append id is known (seq of its first event).
CREATE OR REPLACE FUNCTION {schema}.append(
    the_shard integer, patience_ms integer, tenants_served text[], segments integer[], event_segments integer[],
    tenants text[], threads text[], append_ids text[], modes integer[], expected bigint[], counts integer[],
    actors text[], run_ids text[], traces text[],
    append_of integer[], places integer[], ids uuid[], types text[], versions integer[], heads text[], payloads bytea[],
    head_of integer[], head_tenants text[], head_threads text[], head_append_ids text[], head_fields integer[],
    head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]
) RETURNS TABLE (number integer, kind integer, seq bigint, "position" bigint, deleted boolean, time_us bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan  -- or Postgres plans at each call, which takes longer than the call
AS $$
#variable_conflict use_column
DECLARE
    base bigint;
    now_us bigint;
    segment integer;
    from_number integer := 1;
    to_number integer;
    from_event integer := 1;
    to_event integer;
BEGIN
    PERFORM set_config('threadlog.tenants', (tenants_served)::text, true);
    PERFORM {schema}.lock_shard(the_shard, patience_ms);
    base := {schema}.last_position(the_shard);
    now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    FOR segment IN 1 .. cardinality(segments) LOOP
        to_number := segments[segment];
        to_event := event_segments[segment];
        RETURN QUERY
        WITH asked AS (
            SELECT from_number - 1 + a.n::integer AS number, a.*
            FROM unnest(
                tenants[from_number:to_number], threads[from_number:to_number], append_ids[from_number:to_number],
                modes[from_number:to_number], expected[from_number:to_number], counts[from_number:to_number],
                actors[from_number:to_number], run_ids[from_number:to_number], traces[from_number:to_number]
            ) WITH ORDINALITY AS a (tenant, thread_id, append_id, mode, expected, count, actor, run_id, trace, n)
        ), known AS (
            SELECT a.*, same.seq AS same_seq, coalesce(last.seq, 0) AS last_seq, coalesce(h.deleted, false) AS deleted
            FROM asked a
            LEFT JOIN LATERAL (
                SELECT e.seq FROM {schema}.event e
                WHERE e.shard = the_shard AND e.tenant = a.tenant AND e.thread_id = a.thread_id
                ORDER BY e.seq DESC LIMIT 1
            ) last ON true
            LEFT JOIN LATERAL (
                SELECT e.seq FROM {schema}.event e
                WHERE e.shard = the_shard AND e.tenant = a.tenant AND e.thread_id = a.thread_id
                  AND e.append_id = a.append_id AND e.first
                LIMIT 1
            ) same ON true
            LEFT JOIN LATERAL (  -- LIMIT, or the planner may hash the whole table for a few threads
                SELECT h.deleted FROM {schema}.head h WHERE h.tenant = a.tenant AND h.thread_id = a.thread_id LIMIT 1
            ) h ON true
        ), decided AS (
            SELECT k.*, CASE
                WHEN k.same_seq IS NOT NULL THEN 2
                WHEN CASE k.mode
                    WHEN 0 THEN k.expected = k.last_seq
                    WHEN 1 THEN k.last_seq = 0
                    WHEN 2 THEN k.last_seq > 0 AND NOT k.deleted
                    ELSE NOT k.deleted
                END THEN 0
                ELSE 1
            END AS kind
            FROM known k
        ), placed AS (
            SELECT d.*, base + sum(CASE WHEN d.kind = 0 THEN d.count ELSE 0 END) OVER (ORDER BY d.number)::bigint
                - d.count AS before
            FROM decided d
        ), stored AS (
            INSERT INTO {schema}.event (
                shard, position, tenant, thread_id, seq, id, append_id, first, type, version, time_us,
                actor, run_id, trace, head, data
            )
            SELECT the_shard, p.before + e.place, p.tenant, p.thread_id, p.last_seq + e.place, e.id, p.append_id,
                   e.place = 1, e.type, e.version, now_us, p.actor, p.run_id, p.trace, e.head, e.data
            FROM unnest(
                append_of[from_event:to_event], places[from_event:to_event], ids[from_event:to_event],
                types[from_event:to_event], versions[from_event:to_event], heads[from_event:to_event],
                payloads[from_event:to_event]
            ) AS e (append, place, id, type, version, head, data)
            -- Not a filter on kind: the planner would take it for one row, and join in a nested loop.
            JOIN placed p ON CASE WHEN p.kind = 0 THEN p.number END = e.append
        )
        SELECT p.number, p.kind,
               CASE p.kind WHEN 0 THEN p.last_seq + 1 WHEN 1 THEN p.last_seq ELSE p.same_seq END,
               p.before + 1, p.deleted, now_us
        FROM placed p ORDER BY p.number;

        IF cardinality(head_of) > 0 THEN
            PERFORM {schema}.change_heads(
                the_shard, base, from_number, to_number,
                head_of, head_tenants, head_threads, head_append_ids, head_fields,
                head_owners, head_titles, head_statuses, head_infos, head_deletions
            );
        END IF;
        IF to_number < cardinality(tenants) THEN
            base := {schema}.last_position(the_shard);
        END IF;
        from_number := to_number + 1;
        from_event := to_event + 1;
    END LOOP;
END
$$;

-- Take over events of another log with the numbers they have; the caller has compared what was here before.
CREATE OR REPLACE FUNCTION {schema}.restore(
    the_shard integer, tenants_served text[], tenants text[], threads text[], seqs bigint[], positions bigint[],
    ids uuid[], append_ids text[], firsts boolean[], types text[], versions integer[], times_us bigint[],
    actors text[], run_ids text[], traces text[], heads text[], payloads bytea[],
    head_tenants text[], head_threads text[], head_append_ids text[], head_fields integer[],
    head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
DECLARE
    base bigint;
BEGIN
    PERFORM set_config('threadlog.tenants', (tenants_served)::text, true);
    PERFORM {schema}.lock_shard(the_shard, 5000);
    base := {schema}.last_position(the_shard);
    IF base + 1 <> positions[1] THEN
        RAISE EXCEPTION 'the shard has moved on' USING ERRCODE = 'TL002';
    END IF;
    INSERT INTO {schema}.event (
        shard, tenant, thread_id, seq, position, id, append_id, first, type, version, time_us,
        actor, run_id, trace, head, data
    )
    SELECT the_shard, e.* FROM unnest(
        tenants, threads, seqs, positions, ids, append_ids, firsts, types, versions, times_us,
        actors, run_ids, traces, heads, payloads
    ) AS e;
    PERFORM {schema}.change_heads(
        the_shard, base, 1, cardinality(head_tenants), ARRAY(SELECT generate_series(1, cardinality(head_tenants))),
        head_tenants, head_threads, head_append_ids, head_fields,
        head_owners, head_titles, head_statuses, head_infos, head_deletions
    );
    RETURN {schema}.last_position(the_shard);
END
$$;

-- A page of a thread, every row with the thread's last seq; one row of nulls where there is nothing to give.
CREATE OR REPLACE FUNCTION {schema}.read_thread(
    the_shard integer, the_tenant text, the_thread text, after bigint, most integer, most_bytes bigint, backward boolean
) RETURNS TABLE (
    last_seq bigint, seq bigint, "position" bigint, id text, append_id text, type text, version integer,
    time_us bigint, actor text, run_id text, trace text, head text, data bytea
)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
#variable_conflict use_column
DECLARE
    the_last bigint;
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    SELECT coalesce((
        SELECT e.seq FROM {schema}.event e
        WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
        ORDER BY e.seq DESC LIMIT 1
    ), 0) INTO the_last;
    IF backward THEN
        RETURN QUERY
        SELECT the_last, p.seq, p.position, p.id::text, p.append_id, p.type, p.version, p.time_us, p.actor, p.run_id,
               p.trace, p.head, p.data
        FROM (
            SELECT e.*, sum(octet_length(e.data)) OVER (ORDER BY e.seq DESC ROWS UNBOUNDED PRECEDING) AS size
            FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
              AND e.seq <= the_last AND e.seq < CASE WHEN after = 0 THEN 9223372036854775807 ELSE after END
            ORDER BY e.seq DESC LIMIT most
        ) p
        WHERE p.size - octet_length(p.data) < most_bytes ORDER BY p.seq DESC;
    ELSIF after < the_last THEN
        RETURN QUERY
        SELECT the_last, p.seq, p.position, p.id::text, p.append_id, p.type, p.version, p.time_us, p.actor, p.run_id,
               p.trace, p.head, p.data
        FROM (
            SELECT e.*, sum(octet_length(e.data)) OVER (ORDER BY e.seq ROWS UNBOUNDED PRECEDING) AS size
            FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread AND e.seq > after
              AND e.seq <= the_last  -- what came since then is for the next page
            ORDER BY e.seq LIMIT most
        ) p
        WHERE p.size - octet_length(p.data) < most_bytes ORDER BY p.seq;
    END IF;
    IF NOT FOUND OR (NOT backward AND after >= the_last) THEN
        RETURN QUERY SELECT the_last, NULL::bigint, NULL::bigint, NULL, NULL, NULL, NULL::integer, NULL::bigint,
                            NULL, NULL, NULL, NULL, NULL::bytea;
    END IF;
END
$$;

-- A page of a shard, of all tenants or of one: whole appends only. An operator's call, so it looks past row-level
-- security and is granted by name.
CREATE OR REPLACE FUNCTION {schema}.read_shard(
    the_shard integer, after bigint, most integer, most_bytes bigint, the_tenant text
) RETURNS TABLE (
    looked_to bigint, last_position bigint, tenant text, thread_id text, seq bigint, "position" bigint, id text,
    append_id text, type text, version integer, time_us bigint, actor text, run_id text, trace text, head text, data bytea
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
#variable_conflict use_column
DECLARE
    the_last bigint := {schema}.last_position(the_shard);
    stop bigint;
BEGIN
    SELECT greatest(max(p.position), least(after + 1, the_last)) INTO stop
    FROM (
        SELECT e.position, sum(octet_length(e.data)) OVER (ORDER BY e.position ROWS UNBOUNDED PRECEDING) AS size
        FROM {schema}.event e WHERE e.shard = the_shard AND e.position > after AND e.position <= after + most
    ) p
    WHERE p.size <= most_bytes;
    SELECT coalesce(min(e.position) - 1, the_last) INTO stop FROM (
        SELECT e.position FROM {schema}.event e
        WHERE e.shard = the_shard AND e.position > stop AND e.first ORDER BY e.position LIMIT 1
    ) e;
    stop := greatest(stop, after);
    RETURN QUERY
    SELECT stop, the_last, e.tenant, e.thread_id, e.seq, e.position, e.id::text, e.append_id, e.type, e.version,
           e.time_us, e.actor, e.run_id, e.trace, e.head, e.data
    FROM {schema}.event e
    WHERE e.shard = the_shard AND e.position > after AND e.position <= stop
      AND (the_tenant IS NULL OR e.tenant = the_tenant)
    ORDER BY e.position;
    IF NOT FOUND THEN
        RETURN QUERY SELECT stop, the_last, NULL, NULL, NULL::bigint, NULL::bigint, NULL, NULL, NULL, NULL::integer,
                            NULL::bigint, NULL, NULL, NULL, NULL, NULL::bytea;
    END IF;
END
$$;

-- The events stored under an append id.
CREATE OR REPLACE FUNCTION {schema}.read_append(the_shard integer, the_tenant text, the_thread text, first_seq bigint)
RETURNS TABLE (
    seq bigint, "position" bigint, id text, append_id text, type text, version integer,
    time_us bigint, actor text, run_id text, trace text, head text, data bytea
)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    -- In one statement: a second one would see what was appended after the first had found the end.
    RETURN QUERY
    SELECT e.seq, e.position, e.id::text, e.append_id, e.type, e.version, e.time_us, e.actor, e.run_id, e.trace,
           e.head, e.data
    FROM {schema}.event e
    WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread AND e.seq >= first_seq
      AND e.seq < coalesce((
          SELECT n.seq FROM {schema}.event n
          WHERE n.shard = the_shard AND n.tenant = the_tenant AND n.thread_id = the_thread
            AND n.seq > first_seq AND n.first
          ORDER BY n.seq LIMIT 1
      ), 9223372036854775807)
    ORDER BY e.seq;
END
$$;

-- Heads in order of creation; `mark` is the thread to go on after (null: from the start).
CREATE OR REPLACE FUNCTION {schema}.list_heads(
    the_tenant text, the_owner text, mark text, most integer, newest_first boolean
) RETURNS TABLE (thread_id text, created_us bigint, owner text, title text, status text, info text)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
#variable_conflict use_column
DECLARE
    place bigint;
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    IF mark IS NOT NULL THEN
        SELECT h.position INTO place FROM {schema}.head h WHERE h.tenant = the_tenant AND h.thread_id = mark;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    IF the_owner IS NULL AND newest_first THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM {schema}.head h
        WHERE h.tenant = the_tenant AND NOT h.deleted AND (place IS NULL OR h.position < place)
        ORDER BY h.position DESC LIMIT most;
    ELSIF the_owner IS NULL THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM {schema}.head h
        WHERE h.tenant = the_tenant AND NOT h.deleted AND (place IS NULL OR h.position > place)
        ORDER BY h.position LIMIT most;
    ELSIF newest_first THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM {schema}.head h
        WHERE h.tenant = the_tenant AND h.owner = the_owner AND NOT h.deleted AND (place IS NULL OR h.position < place)
        ORDER BY h.position DESC LIMIT most;
    ELSE
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM {schema}.head h
        WHERE h.tenant = the_tenant AND h.owner = the_owner AND NOT h.deleted AND (place IS NULL OR h.position > place)
        ORDER BY h.position LIMIT most;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION {schema}.load_snapshot(
    the_tenant text, the_thread text, the_projection text, the_version integer
) RETURNS TABLE (seq bigint, "check" text, state bytea)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    RETURN QUERY SELECT s.seq, s."check", s.state FROM {schema}.snapshot s
    WHERE s.tenant = the_tenant AND s.thread_id = the_thread
      AND s.projection = the_projection AND s.version = the_version;
END
$$;

CREATE OR REPLACE FUNCTION {schema}.save_snapshot(
    the_tenant text, the_thread text, the_projection text, the_version integer, the_seq bigint, the_check text,
    the_state bytea
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    INSERT INTO {schema}.snapshot AS old (tenant, thread_id, projection, version, seq, "check", state)
    VALUES (the_tenant, the_thread, the_projection, the_version, the_seq, the_check, the_state)
    ON CONFLICT (tenant, thread_id, projection, version) DO UPDATE
    SET seq = excluded.seq, "check" = excluded."check", state = excluded.state WHERE excluded.seq >= old.seq;
END
$$;
