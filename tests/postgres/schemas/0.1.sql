SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA house;
CREATE FUNCTION house.append(the_shard integer, patience_ms integer, known_position bigint, known_time_us bigint, last_seq_numbers text, tenants_served text[], segments integer[], event_segments integer[], tenant_words text, thread_words text, append_id_words text, expected_numbers text, count_numbers text, actor_words text, run_id_words text, trace_words text, append_of_numbers text, place_numbers text, id_list text, type_words text, version_numbers text, head_words text, deletion_words text, payloads bytea[], head_of integer[], head_fields integer[], head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[], OUT kinds integer[], OUT seqs bigint[], OUT positions bigint[], OUT deletions boolean[], OUT time_us bigint, OUT here bigint) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    entered boolean := house.enter(the_shard, patience_ms, tenants_served);
    base bigint := house.last_position(the_shard);
    now_us bigint := house.now_us();
    separator text := chr(31);
    tenants text[] := string_to_array(tenant_words, separator, '');
    threads text[] := string_to_array(thread_words, separator, '');
    append_ids text[] := string_to_array(append_id_words, separator, '');
    expected bigint[] := nullif(expected_numbers, '');
    last_seqs bigint[] := nullif(last_seq_numbers, '');
    counts integer[] := nullif(count_numbers, '');
    actors text[] := string_to_array(actor_words, separator, '');
    run_ids text[] := string_to_array(run_id_words, separator, '');
    traces text[] := string_to_array(trace_words, separator, '');
    append_of integer[] := nullif(append_of_numbers, '');
    places integer[] := nullif(place_numbers, '');
    ids uuid[] := id_list;
    types text[] := string_to_array(type_words, separator, '');
    versions integer[] := nullif(version_numbers, '');
    heads text[] := string_to_array(head_words, separator, '');
    deleted_after boolean[] := string_to_array(deletion_words, separator, '');
    set_to text;
    from_number integer := 1;
    to_number integer;
    from_event integer := 1;
    to_event integer;
    careful boolean;
    stored_events bigint;
BEGIN
    time_us := now_us;
    here := house.here();
    IF cardinality(last_seqs) > 0 AND base = known_position AND known_time_us = (
        SELECT p.time_us FROM house.event_position p WHERE p.shard = the_shard ORDER BY p.position DESC LIMIT 1
    ) THEN
        set_to := set_config('enable_nestloop', 'off', true);  -- the planner takes the arrays for short
        INSERT INTO house.event (
            shard, position, tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us,
            actor, run_id, trace, head, data
        )
        SELECT the_shard, base + e.n, a.tenant, a.thread_id, a.last_seq + coalesce(e.place, 1), e.id, a.append_id,
               e.place > 1 IS NOT TRUE, coalesce(e.deleted, false), e.type, coalesce(e.version, 1), now_us,
               a.actor, a.run_id, a.trace, e.head, e.data
        FROM unnest(append_of, places, ids, types, versions, heads, deleted_after, payloads)
            WITH ORDINALITY AS e (append, place, id, type, version, head, deleted, data, n)
        JOIN unnest(tenants, threads, append_ids, last_seqs, actors, run_ids, traces)
            WITH ORDINALITY AS a (tenant, thread_id, append_id, last_seq, actor, run_id, trace, number)
            ON a.number = coalesce(e.append, e.n);
        set_to := set_config('enable_nestloop', 'on', true);
        IF cardinality(head_of) > 0 THEN
            PERFORM house.change_heads(
                the_shard, ARRAY(SELECT generate_subscripts(head_of, 1)), head_of, tenants, threads, head_fields,
                head_owners, head_titles, head_statuses, head_infos, head_deletions
            );
        END IF;
        positions := ARRAY[base + 1];
        RETURN;
    END IF;
    FOR segment IN 1 .. cardinality(segments) LOOP
        to_number := segments[segment];
        to_event := event_segments[segment];
        -- An append id that fits is hardly ever known already: it is looked up only when the index has refused one.
        FOREACH careful IN ARRAY ARRAY[false, true] LOOP
        BEGIN
            WITH asked AS (
                SELECT from_number - 1 + a.n::integer AS number, coalesce(a.count, 1) AS count,
                       a.tenant, a.thread_id, a.append_id, coalesce(a.expected, 1) AS expected,
                       a.actor, a.run_id, a.trace
                FROM unnest(
                    tenants[from_number:to_number], threads[from_number:to_number], append_ids[from_number:to_number],
                    expected[from_number:to_number], counts[from_number:to_number],
                    actors[from_number:to_number], run_ids[from_number:to_number], traces[from_number:to_number]
                ) WITH ORDINALITY AS a (tenant, thread_id, append_id, expected, count, actor, run_id, trace, n)
            ), known AS (
                SELECT a.*, coalesce(last.seq, 0) AS last_seq, coalesce(last.deleted, false) AS deleted,
                       CASE a.expected
                           WHEN -1 THEN last.deleted IS NOT TRUE
                           WHEN -2 THEN last.deleted IS FALSE
                           ELSE a.expected = coalesce(last.seq, 0)
                       END AS fits
                FROM asked a
                LEFT JOIN LATERAL (
                    SELECT e.seq, e.deleted FROM house.event e
                    WHERE e.shard = the_shard AND e.tenant = a.tenant AND e.thread_id = a.thread_id
                    ORDER BY e.seq DESC LIMIT 1
                ) last ON true
            ), decided AS (
                SELECT k.*, same.seq AS same_seq,
                       CASE WHEN same.seq IS NOT NULL THEN 2 WHEN k.fits THEN 0 ELSE 1 END AS kind
                FROM known k
                LEFT JOIN LATERAL (
                    SELECT e.seq FROM house.event e
                    WHERE (careful OR NOT k.fits) AND e.shard = the_shard AND e.tenant = k.tenant
                      AND e.thread_id = k.thread_id AND e.append_id = k.append_id AND e.first
                    LIMIT 1
                ) same ON true
            ), placed AS (
                SELECT d.*, base + sum(CASE WHEN d.kind = 0 THEN d.count ELSE 0 END) OVER (ORDER BY d.number)::bigint
                    - d.count AS before
                FROM decided d
            ), stored AS (
                INSERT INTO house.event (
                    shard, position, tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us,
                    actor, run_id, trace, head, data
                )
                SELECT the_shard, p.before + e.place, p.tenant, p.thread_id, p.last_seq + e.place, e.id, p.append_id,
                       e.place = 1, coalesce(e.deleted, p.deleted), e.type, e.version, now_us,
                       p.actor, p.run_id, p.trace, e.head, e.data
                FROM (
                    SELECT coalesce(e.append, from_event - 1 + e.n::integer) AS append, coalesce(e.place, 1) AS place,
                           e.id, e.type, coalesce(e.version, 1) AS version, e.head, e.deleted, e.data
                    FROM unnest(
                        append_of[from_event:to_event], places[from_event:to_event], ids[from_event:to_event],
                        types[from_event:to_event], versions[from_event:to_event], heads[from_event:to_event],
                        deleted_after[from_event:to_event], payloads[from_event:to_event]
                    ) WITH ORDINALITY AS e (append, place, id, type, version, head, deleted, data, n)
                ) e
                -- Not a filter on kind: the planner would take it for one row, and join in a nested loop.
                JOIN placed p ON CASE WHEN p.kind = 0 THEN p.number END = e.append
            )
            SELECT kinds || array_agg(p.kind),
                   seqs || array_agg(CASE p.kind WHEN 0 THEN p.last_seq + 1 WHEN 1 THEN p.last_seq ELSE p.same_seq END),
                   positions || array_agg(p.before + 1),
                   deletions || array_agg(p.deleted),
                   coalesce(sum(p.count) FILTER (WHERE p.kind = 0), 0)
            INTO kinds, seqs, positions, deletions, stored_events
            FROM (SELECT * FROM placed ORDER BY number) p;
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            IF careful THEN
                RAISE;
            END IF;
        END;
        END LOOP;
        IF cardinality(head_of) > 0 THEN
            PERFORM house.change_heads(
                the_shard, ARRAY(
                    SELECT h.at::integer FROM unnest(head_of) WITH ORDINALITY AS h (number, at)
                    WHERE h.number BETWEEN from_number AND to_number AND kinds[h.number] = 0
                ),
                head_of, tenants, threads, head_fields,
                head_owners, head_titles, head_statuses, head_infos, head_deletions
            );
        END IF;
        base := base + stored_events;
        from_number := to_number + 1;
        from_event := to_event + 1;
    END LOOP;
END
$$;
CREATE FUNCTION house.append_one(the_shard integer, patience_ms integer, known_position bigint, known_here bigint, the_tenant text, the_thread text, the_append_id text, expected bigint, the_actor text, the_run_id text, the_trace text, the_id uuid, the_type text, the_version integer, the_data bytea) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    entered boolean := set_config('threadlog.tenants', ARRAY[the_tenant]::text, true) IS NOT NULL
        AND current_setting('transaction_isolation') = 'read committed'
        AND pg_try_advisory_xact_lock(1952803940, the_shard);
    now_us bigint := house.now_us();
    answer bigint[];
BEGIN
    IF NOT entered THEN
        entered := house.enter(the_shard, patience_ms, ARRAY[the_tenant]);
    ELSIF known_here = house.here() THEN
        BEGIN
            INSERT INTO house.event (
                shard, position, tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us,
                actor, run_id, trace, data
            ) VALUES (
                the_shard, known_position + 1, the_tenant, the_thread, expected + 1, the_id, the_append_id, true, false,
                the_type, the_version, now_us, the_actor, the_run_id, the_trace, the_data
            );
            RETURN ARRAY[known_position + 1, now_us, 0, known_here];
        EXCEPTION WHEN unique_violation THEN  -- somebody else's event is there: look
        END;
    END IF;
    INSERT INTO house.event AS e (
        shard, position, tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us,
        actor, run_id, trace, data
    )
    SELECT the_shard, 1 + coalesce((
               SELECT p.position FROM house.event_position p
               WHERE p.shard = the_shard ORDER BY p.position DESC LIMIT 1
           ), 0),
           the_tenant, the_thread, expected + 1, the_id, the_append_id, true, coalesce(last.deleted, false),
           the_type, the_version, house.now_us(), the_actor, the_run_id, the_trace, the_data
    FROM (SELECT) one
    LEFT JOIN (
        SELECT e.seq, e.deleted FROM house.event e
        WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
        ORDER BY e.seq DESC LIMIT 1
    ) last ON true
    WHERE expected = coalesce(last.seq, 0)
    RETURNING ARRAY[e.position, e.time_us, e.deleted::integer, house.here()] INTO answer;
    RETURN answer;
END
$$;
CREATE FUNCTION house.change_heads(the_shard integer, chosen integer[], thread_of integer[], tenants text[], threads text[], fields integer[], owners text[], titles text[], statuses text[], infos text[], deletions boolean[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    UPDATE house.head h SET
        owner = CASE WHEN new.fields & 1 > 0 THEN new.owner ELSE h.owner END,
        title = CASE WHEN new.fields & 2 > 0 THEN new.title ELSE h.title END,
        status = CASE WHEN new.fields & 4 > 0 THEN new.status ELSE h.status END,
        info = CASE WHEN new.fields & 8 > 0 THEN new.info ELSE h.info END,
        deleted = CASE WHEN new.fields & 16 > 0 THEN new.deleted ELSE h.deleted END
    FROM unnest(chosen) AS c (at), LATERAL (
        SELECT tenants[thread_of[c.at]] AS tenant, threads[thread_of[c.at]] AS thread_id, fields[c.at] AS fields,
               owners[c.at] AS owner, titles[c.at] AS title, statuses[c.at] AS status, infos[c.at] AS info,
               deletions[c.at] AS deleted
    ) new
    WHERE h.tenant = new.tenant AND h.thread_id = new.thread_id;
    INSERT INTO house.head (shard, tenant, thread_id, position, created_us, owner, title, status, info, deleted)
    SELECT the_shard, tenants[thread_of[c.at]], threads[thread_of[c.at]], first.position, first.time_us,
           owners[c.at], titles[c.at], coalesce(statuses[c.at], 'active'), infos[c.at], coalesce(deletions[c.at], false)
    FROM unnest(chosen) AS c (at), LATERAL (  -- LIMIT, or the planner may look through a tenant's events for them
        SELECT e.position, e.time_us FROM house.event e
        WHERE e.shard = the_shard AND e.tenant = tenants[thread_of[c.at]] AND e.thread_id = threads[thread_of[c.at]]
          AND e.seq = 1
        LIMIT 1
    ) first
    ON CONFLICT (tenant, thread_id) DO NOTHING;
END
$$;
CREATE FUNCTION house.enter(the_shard integer, patience_ms integer, the_tenants text[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    set_to text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- Under a snapshot that is older than the lock, positions would be taken twice.
        RAISE EXCEPTION 'threadlog appends under READ COMMITTED only' USING ERRCODE = 'TL001';
    END IF;
    set_to := set_config('threadlog.tenants', the_tenants::text, true);
    IF NOT pg_try_advisory_xact_lock(1952803940, the_shard) THEN
        set_to := set_config('lock_timeout', patience_ms::text, true);
        PERFORM pg_advisory_xact_lock(1952803940, the_shard);
    END IF;
    RETURN true;
END
$$;
CREATE FUNCTION house.here() RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint # 'house.event'::regclass::oid::bigint
$$;
CREATE FUNCTION house.last_position(the_shard integer) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN  -- plpgsql and not sql, because it keeps its plan: 0.02 ms against 0.3 ms
    RETURN coalesce((
        SELECT p.position FROM house.event_position p WHERE p.shard = the_shard ORDER BY p.position DESC LIMIT 1
    ), 0);
END
$$;
CREATE FUNCTION house.list_heads(the_tenant text, the_owner text, mark text, most integer, newest_first boolean) RETURNS TABLE(thread_id text, created_us bigint, owner text, title text, status text, info text)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    place bigint;
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    IF mark IS NOT NULL THEN
        SELECT h.position INTO place FROM house.head h WHERE h.tenant = the_tenant AND h.thread_id = mark;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    IF the_owner IS NULL AND newest_first THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM house.head h
        WHERE h.tenant = the_tenant AND NOT h.deleted AND h.position > 0 AND (place IS NULL OR h.position < place)
        ORDER BY h.position DESC LIMIT most;
    ELSIF the_owner IS NULL THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM house.head h
        WHERE h.tenant = the_tenant AND NOT h.deleted AND h.position > 0 AND (place IS NULL OR h.position > place)
        ORDER BY h.position LIMIT most;
    ELSIF newest_first THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM house.head h
        WHERE h.tenant = the_tenant AND h.owner = the_owner AND NOT h.deleted AND (place IS NULL OR h.position < place)
        ORDER BY h.position DESC LIMIT most;
    ELSE
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM house.head h
        WHERE h.tenant = the_tenant AND h.owner = the_owner AND NOT h.deleted AND (place IS NULL OR h.position > place)
        ORDER BY h.position LIMIT most;
    END IF;
END
$$;
CREATE FUNCTION house.load_snapshot(the_tenant text, the_thread text, the_projection text, the_version integer) RETURNS TABLE(seq bigint, "check" text, state bytea)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    RETURN QUERY SELECT s.seq, s."check", s.state FROM house.snapshot s
    WHERE s.tenant = the_tenant AND s.thread_id = the_thread
      AND s.projection = the_projection AND s.version = the_version;
END
$$;
CREATE FUNCTION house.now_us() RETURNS bigint
    LANGUAGE sql
    AS $$ SELECT (date_part('epoch', clock_timestamp()) * 1000000)::bigint $$;
CREATE FUNCTION house.read_shard(the_shard integer, after bigint, most integer, most_bytes bigint, the_tenant text) RETURNS TABLE(looked_to bigint, last_position bigint, tenant text, thread_id text, seq bigint, "position" bigint, id text, append_id text, type text, version integer, time_us bigint, actor text, run_id text, trace text, head text, data bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
#variable_conflict use_column
DECLARE
    the_last bigint := house.last_position(the_shard);
    stop bigint;
BEGIN
    SELECT greatest(max(p.position), least(after + 1, the_last)) INTO stop
    FROM (
        SELECT e.position, sum(octet_length(e.data)) OVER (ORDER BY e.position ROWS UNBOUNDED PRECEDING) AS size
        FROM house.event e WHERE e.shard = the_shard AND e.position > after AND e.position <= after + most
    ) p
    WHERE p.size <= most_bytes;
    SELECT coalesce(min(e.position) - 1, the_last) INTO stop FROM (
        SELECT e.position FROM house.event e
        WHERE e.shard = the_shard AND e.position > stop AND e.first ORDER BY e.position LIMIT 1
    ) e;
    stop := greatest(stop, after);
    RETURN QUERY
    SELECT stop, the_last, e.tenant, e.thread_id, e.seq, e.position, e.id::text, e.append_id, e.type, e.version,
           e.time_us, e.actor, e.run_id, e.trace, e.head, e.data
    FROM house.event e
    WHERE e.shard = the_shard AND e.position > after AND e.position <= stop
      AND (the_tenant IS NULL OR e.tenant = the_tenant)
    ORDER BY e.position;
    IF NOT FOUND THEN
        RETURN QUERY SELECT stop, the_last, NULL, NULL, NULL::bigint, NULL::bigint, NULL, NULL, NULL, NULL::integer,
                            NULL::bigint, NULL, NULL, NULL, NULL, NULL::bytea;
    END IF;
END
$$;
CREATE FUNCTION house.read_thread(the_shard integer, the_tenant text, the_thread text, after bigint, most integer, most_bytes bigint, backward boolean) RETURNS TABLE(last_seq bigint, first_seq bigint, positions bigint[], id_words text, append_id_words text, type_words text, versions integer[], times_us bigint[], actor_words text, run_id_words text, trace_words text, head_words text, payload_lines bytea)
    LANGUAGE plpgsql
    SET enable_sort TO 'off'
    AS $$
DECLARE
    set_to text := set_config('threadlog.tenants', ARRAY[the_tenant]::text, true);
    separator text := chr(31);
    slice integer := 128;
    last_of_page bigint;
    size bigint;
BEGIN
    SELECT coalesce((
        SELECT e.seq FROM house.event e
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
            SELECT e.data FROM house.event e
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
            FROM house.event e
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
            SELECT * FROM house.event e
            WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
              AND e.seq BETWEEN first_seq AND least(first_seq + slice - 1, last_of_page)
            ORDER BY e.seq
        ) e;
        RETURN NEXT;
        first_seq := first_seq + slice;
    END LOOP;
END
$$;
CREATE FUNCTION house.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'house_redactor' THEN
        IF position('\x0a' IN NEW.data) > 0 OR position('\x0d' IN NEW.data) > 0 THEN
            RAISE EXCEPTION 'a payload holds no line break' USING ERRCODE = 'TL004';
        END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'TL003';
END
$$;
CREATE FUNCTION house.restore(the_shard integer, patience_ms integer, tenants_served text[], tenants text[], threads text[], seqs bigint[], positions bigint[], ids uuid[], append_ids text[], firsts boolean[], deletions boolean[], types text[], versions integer[], times_us bigint[], actors text[], run_ids text[], traces text[], heads text[], payloads bytea[], head_tenants text[], head_threads text[], head_fields integer[], head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    entered boolean := house.enter(the_shard, patience_ms, tenants_served);
    head_numbers integer[] := ARRAY(SELECT generate_series(1, cardinality(head_tenants)));
    gaps integer;
BEGIN
    IF house.last_position(the_shard) + 1 <> positions[1] THEN
        RAISE EXCEPTION 'the shard has moved on' USING ERRCODE = 'TL002';
    END IF;
    WITH new AS (
        SELECT * FROM unnest(
            tenants, threads, seqs, positions, ids, append_ids, firsts, deletions, types, versions, times_us,
            actors, run_ids, traces, heads, payloads
        ) AS n (
            tenant, thread_id, seq, position, id, append_id, first, deleted, type, version, time_us,
            actor, run_id, trace, head, data
        )
    ), thread AS (
        SELECT t.*, coalesce(last.seq, 0) AS last_seq, coalesce(last.deleted, false) AS deleted
        FROM (SELECT n.tenant, n.thread_id, min(n.seq) AS next_seq FROM new n GROUP BY n.tenant, n.thread_id) t
        LEFT JOIN LATERAL (
            SELECT e.seq, e.deleted FROM house.event e
            WHERE e.shard = the_shard AND e.tenant = t.tenant AND e.thread_id = t.thread_id
            ORDER BY e.seq DESC LIMIT 1
        ) last ON true
    ), stored AS (
        INSERT INTO house.event (
            shard, tenant, thread_id, seq, position, id, append_id, first, deleted, type, version, time_us,
            actor, run_id, trace, head, data
        )
        SELECT the_shard, n.tenant, n.thread_id, n.seq, n.position, n.id, n.append_id, n.first,
               coalesce(n.deleted, t.deleted), n.type, n.version, n.time_us, n.actor, n.run_id, n.trace, n.head, n.data
        FROM new n JOIN thread t USING (tenant, thread_id)
    )
    SELECT count(*) FROM thread t WHERE t.next_seq <> t.last_seq + 1 INTO gaps;
    IF gaps > 0 THEN
        RAISE EXCEPTION 'a thread does not follow on what is here' USING ERRCODE = 'TL002';
    END IF;
    IF cardinality(head_numbers) > 0 THEN
        PERFORM house.change_heads(
            the_shard, head_numbers, head_numbers, head_tenants, head_threads, head_fields,
            head_owners, head_titles, head_statuses, head_infos, head_deletions
        );
    END IF;
    RETURN house.last_position(the_shard);
END
$$;
CREATE FUNCTION house.save_snapshot(the_tenant text, the_thread text, the_projection text, the_version integer, the_seq bigint, the_check text, the_state bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM set_config('threadlog.tenants', (ARRAY[the_tenant])::text, true);
    INSERT INTO house.snapshot AS old (tenant, thread_id, projection, version, seq, "check", state)
    VALUES (the_tenant, the_thread, the_projection, the_version, the_seq, the_check, the_state)
    ON CONFLICT (tenant, thread_id, projection, version) DO UPDATE
    SET seq = excluded.seq, "check" = excluded."check", state = excluded.state WHERE excluded.seq >= old.seq;
END
$$;
CREATE FUNCTION house.served() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT jsonb_object(
        coalesce(nullif(current_setting('threadlog.tenants', true), ''), '{}')::text[],
        coalesce(nullif(current_setting('threadlog.tenants', true), ''), '{}')::text[]
    )
$$;
SET default_tablespace = '';
CREATE TABLE house.event (
    shard integer NOT NULL,
    "position" bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    thread_id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    id uuid NOT NULL,
    append_id text NOT NULL COLLATE pg_catalog."C",
    first boolean NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    time_us bigint NOT NULL,
    actor text COLLATE pg_catalog."C",
    run_id text COLLATE pg_catalog."C",
    trace text COLLATE pg_catalog."C",
    head text COLLATE pg_catalog."C",
    data bytea NOT NULL
)
PARTITION BY LIST (shard);
SET default_table_access_method = heap;
CREATE TABLE house.event_0 (
    shard integer NOT NULL,
    "position" bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    thread_id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    id uuid NOT NULL,
    append_id text NOT NULL COLLATE pg_catalog."C",
    first boolean NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    time_us bigint NOT NULL,
    actor text COLLATE pg_catalog."C",
    run_id text COLLATE pg_catalog."C",
    trace text COLLATE pg_catalog."C",
    head text COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE TABLE house.event_1 (
    shard integer NOT NULL,
    "position" bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    thread_id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    id uuid NOT NULL,
    append_id text NOT NULL COLLATE pg_catalog."C",
    first boolean NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    time_us bigint NOT NULL,
    actor text COLLATE pg_catalog."C",
    run_id text COLLATE pg_catalog."C",
    trace text COLLATE pg_catalog."C",
    head text COLLATE pg_catalog."C",
    data bytea NOT NULL
);
CREATE VIEW house.event_position AS
 SELECT event.shard,
    event."position",
    event.time_us
   FROM house.event;
CREATE TABLE house.head (
    shard integer NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    thread_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    created_us bigint NOT NULL,
    owner text COLLATE pg_catalog."C",
    title text COLLATE pg_catalog."C",
    status text DEFAULT 'active'::text NOT NULL COLLATE pg_catalog."C",
    info text COLLATE pg_catalog."C",
    deleted boolean DEFAULT false NOT NULL
);
CREATE TABLE house.log (
    only_one boolean DEFAULT true NOT NULL,
    log_id uuid NOT NULL,
    shards integer NOT NULL,
    CONSTRAINT log_only_one_check CHECK (only_one),
    CONSTRAINT log_shards_check CHECK ((shards > 0))
);
CREATE TABLE house.migration (
    name text NOT NULL COLLATE pg_catalog."C",
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE house.snapshot (
    tenant text NOT NULL COLLATE pg_catalog."C",
    thread_id text NOT NULL COLLATE pg_catalog."C",
    projection text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    seq bigint NOT NULL,
    "check" text NOT NULL,
    state bytea NOT NULL
);
ALTER TABLE ONLY house.event ATTACH PARTITION house.event_0 FOR VALUES IN (0);
ALTER TABLE ONLY house.event ATTACH PARTITION house.event_1 FOR VALUES IN (1);
COPY house.event_0 (shard, "position", tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us, actor, run_id, trace, head, data) FROM stdin;
0	2	acme	t0	2	01a1fe1a-d7d1-767e-898d-6ad14fc0f416	append-0	f	f	test.event	1	1795264534501096	user:alice	\N	\N	\N	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	1	acme	t0	1	01a1fe1a-d7d1-7ce3-838f-425be24fc986	append-0	t	f	test.event	1	1795264534501096	user:alice	\N	\N	{"owner":"alice","title":"Title 0"}	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	4	acme	t1	2	01a1fe1a-d7f3-7f71-8bbb-d65c75f0cc66	append-1	f	f	test.event	1	1795264534516375	user:alice	\N	\N	\N	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	3	acme	t1	1	01a1fe1a-d7f3-7dcf-9462-0d2d4a090287	append-1	t	f	test.event	1	1795264534516375	user:alice	\N	\N	{"owner":"alice","title":"Title 1"}	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	5	acme	t0	3	01a1fe1a-d7f5-776a-95b9-b55570b3d248	append-2	t	f	test.event	1	1795264534517878	user:alice	\N	\N	{"owner":"alice","title":"Title 2"}	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	6	acme	t0	4	01a1fe1a-d7f5-7d1b-a475-00eca5b7732e	append-2	f	f	test.event	1	1795264534517878	user:alice	\N	\N	\N	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	7	acme	t1	3	01a1fe1a-d7f7-7717-b47f-653e9a12d2af	append-3	t	f	test.event	1	1795264534520023	user:alice	\N	\N	{"owner":"alice","title":"Title 3"}	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
0	8	acme	t1	4	01a1fe1a-d7f7-7687-a226-07b302acd77e	append-3	f	f	test.event	1	1795264534520023	user:alice	\N	\N	\N	\\x7b2274797065223a227468726561642e6974656d2e75706461746564222c226974656d5f6964223a226d73675f30313233343536373839222c22757064617465223a7b2274797065223a22746578745f64656c7461222c2264656c7461223a2268656c6c6f20227d7d
\.
COPY house.event_1 (shard, "position", tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us, actor, run_id, trace, head, data) FROM stdin;
\.
COPY house.head (shard, tenant, thread_id, "position", created_us, owner, title, status, info, deleted) FROM stdin;
0	acme	t0	1	1795264534501096	alice	Title 2	active	\N	f
0	acme	t1	3	1795264534516375	alice	Title 3	active	\N	f
\.
COPY house.log (only_one, log_id, shards) FROM stdin;
t	a800d420-7991-4884-bd66-02d4bae099d3	2
\.
COPY house.migration (name, applied_at) FROM stdin;
\.
COPY house.snapshot (tenant, thread_id, projection, version, seq, "check", state) FROM stdin;
\.
ALTER TABLE ONLY house.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (shard, "position");
ALTER TABLE ONLY house.event_0
    ADD CONSTRAINT event_0_pkey PRIMARY KEY (shard, "position");
ALTER TABLE ONLY house.event_1
    ADD CONSTRAINT event_1_pkey PRIMARY KEY (shard, "position");
ALTER TABLE ONLY house.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (tenant, thread_id);
ALTER TABLE ONLY house.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (only_one);
ALTER TABLE ONLY house.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY house.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (tenant, thread_id, projection, version);
CREATE UNIQUE INDEX event_by_append_id ON ONLY house.event USING btree (shard, tenant, thread_id, append_id) WHERE first;
CREATE UNIQUE INDEX event_0_shard_tenant_thread_id_append_id_idx ON house.event_0 USING btree (shard, tenant, thread_id, append_id) WHERE first;
CREATE UNIQUE INDEX event_by_thread ON ONLY house.event USING btree (shard, tenant, thread_id, seq);
CREATE UNIQUE INDEX event_0_shard_tenant_thread_id_seq_idx ON house.event_0 USING btree (shard, tenant, thread_id, seq);
CREATE UNIQUE INDEX event_1_shard_tenant_thread_id_append_id_idx ON house.event_1 USING btree (shard, tenant, thread_id, append_id) WHERE first;
CREATE UNIQUE INDEX event_1_shard_tenant_thread_id_seq_idx ON house.event_1 USING btree (shard, tenant, thread_id, seq);
CREATE INDEX head_by_creation ON house.head USING btree (tenant, "position") WHERE ((NOT deleted) AND ("position" > 0));
CREATE INDEX head_by_owner ON house.head USING btree (tenant, owner, "position") WHERE (NOT deleted);
ALTER INDEX house.event_pkey ATTACH PARTITION house.event_0_pkey;
ALTER INDEX house.event_by_append_id ATTACH PARTITION house.event_0_shard_tenant_thread_id_append_id_idx;
ALTER INDEX house.event_by_thread ATTACH PARTITION house.event_0_shard_tenant_thread_id_seq_idx;
ALTER INDEX house.event_pkey ATTACH PARTITION house.event_1_pkey;
ALTER INDEX house.event_by_append_id ATTACH PARTITION house.event_1_shard_tenant_thread_id_append_id_idx;
ALTER INDEX house.event_by_thread ATTACH PARTITION house.event_1_shard_tenant_thread_id_seq_idx;
CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE ON house.event FOR EACH ROW EXECUTE FUNCTION house.refuse_change();
CREATE TRIGGER refuse_truncation BEFORE TRUNCATE ON house.event FOR EACH STATEMENT EXECUTE FUNCTION house.refuse_change();
ALTER TABLE house.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE house.head ENABLE ROW LEVEL SECURITY;
ALTER TABLE house.snapshot ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON house.event USING ((NULLIF((( SELECT house.served() AS served) ? tenant), false) IS NOT NULL));
CREATE POLICY tenant ON house.head USING ((NULLIF((( SELECT house.served() AS served) ? tenant), false) IS NOT NULL));
CREATE POLICY tenant ON house.snapshot USING ((NULLIF((( SELECT house.served() AS served) ? tenant), false) IS NOT NULL));
GRANT USAGE ON SCHEMA house TO house_app;
GRANT USAGE ON SCHEMA house TO house_redactor;
REVOKE ALL ON FUNCTION house.append(the_shard integer, patience_ms integer, known_position bigint, known_time_us bigint, last_seq_numbers text, tenants_served text[], segments integer[], event_segments integer[], tenant_words text, thread_words text, append_id_words text, expected_numbers text, count_numbers text, actor_words text, run_id_words text, trace_words text, append_of_numbers text, place_numbers text, id_list text, type_words text, version_numbers text, head_words text, deletion_words text, payloads bytea[], head_of integer[], head_fields integer[], head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[], OUT kinds integer[], OUT seqs bigint[], OUT positions bigint[], OUT deletions boolean[], OUT time_us bigint, OUT here bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION house.append(the_shard integer, patience_ms integer, known_position bigint, known_time_us bigint, last_seq_numbers text, tenants_served text[], segments integer[], event_segments integer[], tenant_words text, thread_words text, append_id_words text, expected_numbers text, count_numbers text, actor_words text, run_id_words text, trace_words text, append_of_numbers text, place_numbers text, id_list text, type_words text, version_numbers text, head_words text, deletion_words text, payloads bytea[], head_of integer[], head_fields integer[], head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[], OUT kinds integer[], OUT seqs bigint[], OUT positions bigint[], OUT deletions boolean[], OUT time_us bigint, OUT here bigint) TO house_app;
REVOKE ALL ON FUNCTION house.append_one(the_shard integer, patience_ms integer, known_position bigint, known_here bigint, the_tenant text, the_thread text, the_append_id text, expected bigint, the_actor text, the_run_id text, the_trace text, the_id uuid, the_type text, the_version integer, the_data bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION house.append_one(the_shard integer, patience_ms integer, known_position bigint, known_here bigint, the_tenant text, the_thread text, the_append_id text, expected bigint, the_actor text, the_run_id text, the_trace text, the_id uuid, the_type text, the_version integer, the_data bytea) TO house_app;
REVOKE ALL ON FUNCTION house.change_heads(the_shard integer, chosen integer[], thread_of integer[], tenants text[], threads text[], fields integer[], owners text[], titles text[], statuses text[], infos text[], deletions boolean[]) FROM PUBLIC;
GRANT ALL ON FUNCTION house.change_heads(the_shard integer, chosen integer[], thread_of integer[], tenants text[], threads text[], fields integer[], owners text[], titles text[], statuses text[], infos text[], deletions boolean[]) TO house_app;
REVOKE ALL ON FUNCTION house.enter(the_shard integer, patience_ms integer, the_tenants text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION house.enter(the_shard integer, patience_ms integer, the_tenants text[]) TO house_app;
REVOKE ALL ON FUNCTION house.here() FROM PUBLIC;
GRANT ALL ON FUNCTION house.here() TO house_app;
REVOKE ALL ON FUNCTION house.last_position(the_shard integer) FROM PUBLIC;
GRANT ALL ON FUNCTION house.last_position(the_shard integer) TO house_app;
REVOKE ALL ON FUNCTION house.list_heads(the_tenant text, the_owner text, mark text, most integer, newest_first boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION house.list_heads(the_tenant text, the_owner text, mark text, most integer, newest_first boolean) TO house_app;
REVOKE ALL ON FUNCTION house.load_snapshot(the_tenant text, the_thread text, the_projection text, the_version integer) FROM PUBLIC;
GRANT ALL ON FUNCTION house.load_snapshot(the_tenant text, the_thread text, the_projection text, the_version integer) TO house_app;
REVOKE ALL ON FUNCTION house.now_us() FROM PUBLIC;
GRANT ALL ON FUNCTION house.now_us() TO house_app;
REVOKE ALL ON FUNCTION house.read_shard(the_shard integer, after bigint, most integer, most_bytes bigint, the_tenant text) FROM PUBLIC;
GRANT ALL ON FUNCTION house.read_shard(the_shard integer, after bigint, most integer, most_bytes bigint, the_tenant text) TO house_app;
REVOKE ALL ON FUNCTION house.read_thread(the_shard integer, the_tenant text, the_thread text, after bigint, most integer, most_bytes bigint, backward boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION house.read_thread(the_shard integer, the_tenant text, the_thread text, after bigint, most integer, most_bytes bigint, backward boolean) TO house_app;
REVOKE ALL ON FUNCTION house.refuse_change() FROM PUBLIC;
GRANT ALL ON FUNCTION house.refuse_change() TO house_app;
REVOKE ALL ON FUNCTION house.restore(the_shard integer, patience_ms integer, tenants_served text[], tenants text[], threads text[], seqs bigint[], positions bigint[], ids uuid[], append_ids text[], firsts boolean[], deletions boolean[], types text[], versions integer[], times_us bigint[], actors text[], run_ids text[], traces text[], heads text[], payloads bytea[], head_tenants text[], head_threads text[], head_fields integer[], head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]) FROM PUBLIC;
GRANT ALL ON FUNCTION house.restore(the_shard integer, patience_ms integer, tenants_served text[], tenants text[], threads text[], seqs bigint[], positions bigint[], ids uuid[], append_ids text[], firsts boolean[], deletions boolean[], types text[], versions integer[], times_us bigint[], actors text[], run_ids text[], traces text[], heads text[], payloads bytea[], head_tenants text[], head_threads text[], head_fields integer[], head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]) TO house_app;
REVOKE ALL ON FUNCTION house.save_snapshot(the_tenant text, the_thread text, the_projection text, the_version integer, the_seq bigint, the_check text, the_state bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION house.save_snapshot(the_tenant text, the_thread text, the_projection text, the_version integer, the_seq bigint, the_check text, the_state bytea) TO house_app;
REVOKE ALL ON FUNCTION house.served() FROM PUBLIC;
GRANT ALL ON FUNCTION house.served() TO house_app;
GRANT ALL ON FUNCTION house.served() TO house_redactor;
GRANT SELECT,INSERT ON TABLE house.event TO house_app;
GRANT SELECT ON TABLE house.event TO house_redactor;
GRANT UPDATE(data) ON TABLE house.event TO house_redactor;
GRANT SELECT ON TABLE house.event_position TO house_app;
GRANT SELECT,INSERT,UPDATE ON TABLE house.head TO house_app;
GRANT SELECT ON TABLE house.log TO house_app;
GRANT SELECT ON TABLE house.migration TO house_app;
GRANT SELECT,INSERT,UPDATE ON TABLE house.snapshot TO house_app;
