-- Storing events.
--
-- The statements of a VOLATILE function see what is committed when each begins, so what follows `enter` sees every
-- earlier append of the shard; in one plain statement the snapshot would be older than the lock.
--
-- A client that wrote to the shard before says where that left it: where the shard still ends so, nothing has come since,
-- and what the client knows of its threads still holds. Then nothing is looked up but that.
--
-- One append of one event that names an exact seq and changes no head: what a run does all day long. Answers with the
-- event's position and time, 1 if its thread is deleted, and `here`; with nothing where the thread is not at that seq, and
-- with a unique violation where the append id is known: then `append` says what it is. Everything here is as it is for
-- speed: no loop, and no second statement where the first will do.
--
-- `known_position` is null, or the shard's last position as this client left it on the server, and in the table, that it
-- knows by `known_here`. Not even that is looked up: if anything has come since, then that has the next position, and
-- the primary key refuses it a second time.
CREATE OR REPLACE FUNCTION {schema}.append_one(
    the_shard integer, patience_ms integer, known_position bigint, known_here bigint,
    the_tenant text, the_thread text, the_append_id text, expected bigint,
    the_actor text, the_run_id text, the_trace text, the_id uuid, the_type text, the_version integer, the_data bytea
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
DECLARE
    entered boolean := set_config('threadlog.tenants', ARRAY[the_tenant]::text, true) IS NOT NULL
        AND current_setting('transaction_isolation') = 'read committed'
        AND pg_try_advisory_xact_lock(1952803940, the_shard);
    now_us bigint := {schema}.now_us();
    answer bigint[];
BEGIN
    IF NOT entered THEN
        entered := {schema}.enter(the_shard, patience_ms, ARRAY[the_tenant]);
    ELSIF known_here = {schema}.here() THEN
        BEGIN
            INSERT INTO {schema}.event (
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
    INSERT INTO {schema}.event AS e (
        shard, position, tenant, thread_id, seq, id, append_id, first, deleted, type, version, time_us,
        actor, run_id, trace, data
    )
    SELECT the_shard, 1 + coalesce((
               SELECT p.position FROM {schema}.event_position p
               WHERE p.shard = the_shard ORDER BY p.position DESC LIMIT 1
           ), 0),
           the_tenant, the_thread, expected + 1, the_id, the_append_id, true, coalesce(last.deleted, false),
           the_type, the_version, {schema}.now_us(), the_actor, the_run_id, the_trace, the_data
    FROM (SELECT) one
    LEFT JOIN (
        SELECT e.seq, e.deleted FROM {schema}.event e
        WHERE e.shard = the_shard AND e.tenant = the_tenant AND e.thread_id = the_thread
        ORDER BY e.seq DESC LIMIT 1
    ) last ON true
    WHERE expected = coalesce(last.seq, 0)
    RETURNING ARRAY[e.position, e.time_us, e.deleted::integer, {schema}.here()] INTO answer;
    RETURN answer;
END
$$;

-- Many appends: lock, decide, insert, answer.
--
-- Columns come as one text each: words separated by U+001F, missing where they are empty; numbers as an array's text, or
-- nothing where all are 1. The driver would take longer over arrays. `expected` is the exact seq, -1 any, -2 thread exists.
--
-- Appends come in segments, within which no thread occurs twice (a statement does not see its own rows): `segments`
-- and `event_segments` hold the number of the last append and of the last event of each. `append_of` and `places` give
-- each event's append and place in it, or nothing where each append has one event; `deletion_words` (t, f), what the
-- append has said so far of the thread's deletion; `head_of` the append of each head change, at most one for an append.
--
-- `last_seq_numbers` are those of the appends' threads (0 for a new one), where the client knows them as of
-- `known_position`, and that each append fits: then there is one segment. `known_time_us` is that position's, because
-- on a server that was restored another event may have it. Where both hold, the answer is the first position, the time
-- and `here` alone; a unique violation says that an append id is known, or that a thread is not new: then the client
-- asks without it.
--
-- The answer to append number n is the n-th of each array. `kinds`: 0 appended (seq and position of its first event),
-- 1 conflict (the thread's seq, and whether it is deleted), 2 the append id is known (seq of its first event).
CREATE OR REPLACE FUNCTION {schema}.append(
    the_shard integer, patience_ms integer, known_position bigint, known_time_us bigint, last_seq_numbers text,
    tenants_served text[], segments integer[], event_segments integer[],
    tenant_words text, thread_words text, append_id_words text, expected_numbers text, count_numbers text,
    actor_words text, run_id_words text, trace_words text,
    append_of_numbers text, place_numbers text, id_list text, type_words text, version_numbers text, head_words text,
    deletion_words text, payloads bytea[],
    head_of integer[], head_fields integer[],
    head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[],
    OUT kinds integer[], OUT seqs bigint[], OUT positions bigint[], OUT deletions boolean[], OUT time_us bigint,
    OUT here bigint
)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    entered boolean := {schema}.enter(the_shard, patience_ms, tenants_served);
    base bigint := {schema}.last_position(the_shard);
    now_us bigint := {schema}.now_us();
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
    here := {schema}.here();
    IF cardinality(last_seqs) > 0 AND base = known_position AND known_time_us = (
        SELECT p.time_us FROM {schema}.event_position p WHERE p.shard = the_shard ORDER BY p.position DESC LIMIT 1
    ) THEN
        set_to := set_config('enable_nestloop', 'off', true);  -- the planner takes the arrays for short
        INSERT INTO {schema}.event (
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
            PERFORM {schema}.change_heads(
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
                    SELECT e.seq, e.deleted FROM {schema}.event e
                    WHERE e.shard = the_shard AND e.tenant = a.tenant AND e.thread_id = a.thread_id
                    ORDER BY e.seq DESC LIMIT 1
                ) last ON true
            ), decided AS (
                SELECT k.*, same.seq AS same_seq,
                       CASE WHEN same.seq IS NOT NULL THEN 2 WHEN k.fits THEN 0 ELSE 1 END AS kind
                FROM known k
                LEFT JOIN LATERAL (
                    SELECT e.seq FROM {schema}.event e
                    WHERE (careful OR NOT k.fits) AND e.shard = the_shard AND e.tenant = k.tenant
                      AND e.thread_id = k.thread_id AND e.append_id = k.append_id AND e.first
                    LIMIT 1
                ) same ON true
            ), placed AS (
                SELECT d.*, base + sum(CASE WHEN d.kind = 0 THEN d.count ELSE 0 END) OVER (ORDER BY d.number)::bigint
                    - d.count AS before
                FROM decided d
            ), stored AS (
                INSERT INTO {schema}.event (
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
            PERFORM {schema}.change_heads(
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
