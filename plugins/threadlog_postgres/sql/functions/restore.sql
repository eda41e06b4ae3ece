-- Take over events of another log with the numbers they have; the caller has compared what was here before, and
-- looked for gaps among the new. `deletions` tell what the new events have said so far of their thread's deletion; head
-- changes come merged, one for each thread.
CREATE OR REPLACE FUNCTION {schema}.restore(
    the_shard integer, patience_ms integer, tenants_served text[],
    tenants text[], threads text[], seqs bigint[], positions bigint[], ids uuid[], append_ids text[], firsts boolean[],
    deletions boolean[], types text[], versions integer[], times_us bigint[], actors text[], run_ids text[], traces text[], heads text[], payloads bytea[],
    head_tenants text[], head_threads text[], head_fields integer[],
    head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
DECLARE
    entered boolean := {schema}.enter(the_shard, patience_ms, tenants_served);
    head_numbers integer[] := ARRAY(SELECT generate_series(1, cardinality(head_tenants)));
    gaps integer;
BEGIN
    IF {schema}.last_position(the_shard) + 1 <> positions[1] THEN
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
            SELECT e.seq, e.deleted FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = t.tenant AND e.thread_id = t.thread_id
            ORDER BY e.seq DESC LIMIT 1
        ) last ON true
    ), stored AS (
        INSERT INTO {schema}.event (
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
        PERFORM {schema}.change_heads(
            the_shard, head_numbers, head_numbers, head_tenants, head_threads, head_fields,
            head_owners, head_titles, head_statuses, head_infos, head_deletions
        );
    END IF;
    RETURN {schema}.last_position(the_shard);
END
$$;
