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
