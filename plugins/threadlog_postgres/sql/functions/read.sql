-- A page of a thread in slices of 128 events, in order of seq: columns of the slice's events, the first of which is
-- `first_seq`, words as in `append`, and payloads a line each. (As rows they would be copied three times on their way out
-- of a function; arrays of payloads take four times as long; and large slices need memory fresh from the kernel.) Without
-- events one row of nulls but `last_seq`. `after` is where to go on, 0 backward from the end.
CREATE OR REPLACE FUNCTION {schema}.read_thread(
    the_shard integer, the_tenant text, the_thread text, after bigint, most integer, most_bytes bigint, backward boolean
) RETURNS TABLE (
    last_seq bigint, first_seq bigint, positions bigint[], id_words text, append_id_words text,
    type_words text, versions integer[], times_us bigint[],
    actor_words text, run_id_words text, trace_words text, head_words text, payload_lines bytea
)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET enable_sort = off  -- without statistics the planner would rather sort the shard than go by its threads
AS $$
DECLARE
    set_to text := set_config('threadlog.tenants', ARRAY[the_tenant]::text, true);
    separator text := chr(31);
    slice integer := 128;
    last_of_page bigint;
    size bigint;
BEGIN
    SELECT coalesce((
        SELECT e.seq FROM {schema}.event e
        WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
        ORDER BY e.seq DESC LIMIT 1
    ), 0) INTO last_seq;
    IF backward THEN
        last_of_page := CASE WHEN after = 0 THEN last_seq ELSE least(after - 1, last_seq) END;
        first_seq := greatest(last_of_page - most + 1, 1);
    ELSE
        first_seq := after + 1;
        last_of_page := least(after + most, last_seq);  -- what came since then is for the next page
    END IF;
    IF first_seq > last_of_page THEN
        first_seq := NULL;
        RETURN NEXT;
        RETURN;
    END IF;
    IF first_seq < last_of_page THEN
        SELECT sum(octet_length(e.data)) INTO size FROM (
            SELECT e.data FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
              AND e.seq BETWEEN first_seq AND last_of_page
            ORDER BY e.seq LIMIT most
        ) e;
    END IF;
    IF size > most_bytes THEN
        SELECT min(e.seq), max(e.seq) INTO first_seq, last_of_page FROM (
            SELECT e.seq, octet_length(e.data) AS own_size, sum(octet_length(e.data)) OVER (
                ORDER BY CASE WHEN backward THEN -e.seq ELSE e.seq END ROWS UNBOUNDED PRECEDING
            ) AS size
            FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
              AND e.seq BETWEEN first_seq AND last_of_page
        ) e
        WHERE e.size <= most_bytes OR e.size = e.own_size;  -- the first one always
    END IF;
    WHILE first_seq <= last_of_page LOOP
        SELECT array_agg(e.position), string_agg(e.id::text, separator), string_agg(e.append_id, separator),
               string_agg(e.type, separator), array_agg(e.version), array_agg(e.time_us),
               string_agg(coalesce(e.actor, ''), separator), string_agg(coalesce(e.run_id, ''), separator),
               string_agg(coalesce(e.trace, ''), separator), string_agg(coalesce(e.head, ''), separator),
               string_agg(e.data, '\x0a')
        INTO positions, id_words, append_id_words, type_words, versions, times_us,
             actor_words, run_id_words, trace_words, head_words, payload_lines
        FROM (
            SELECT * FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
              AND e.seq BETWEEN first_seq AND least(first_seq + slice - 1, last_of_page)
            ORDER BY e.seq
        ) e;
        RETURN NEXT;
        first_seq := first_seq + slice;
    END LOOP;
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
