-- Take over events of another log with the numbers they have; the caller has compared what was here before, and
-- looked for gaps among the new. Head changes come merged, one for each thread.
CREATE OR REPLACE FUNCTION {schema}.restore(
    the_shard integer, patience_ms integer, tenants_served text[],
    tenants text[], threads text[], seqs bigint[], positions bigint[], ids uuid[], append_ids text[], firsts boolean[], types text[], versions integer[],
    times_us bigint[], actors text[], run_ids text[], traces text[], heads text[], payloads bytea[],
    head_tenants text[], head_threads text[], head_fields integer[],
    head_owners text[], head_titles text[], head_statuses text[], head_infos text[], head_deletions boolean[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $$
DECLARE
    entered boolean := {schema}.enter(the_shard, patience_ms, tenants_served);
    head_numbers integer[] := ARRAY(SELECT generate_series(1, cardinality(head_tenants)));
BEGIN
    IF {schema}.last_position(the_shard) + 1 <> positions[1] OR EXISTS (
        SELECT FROM (
            SELECT n.tenant, n.thread_id, min(n.seq) AS seq
            FROM unnest(tenants, threads, seqs) AS n (tenant, thread_id, seq) GROUP BY n.tenant, n.thread_id
        ) new
        LEFT JOIN LATERAL (
            SELECT e.seq FROM {schema}.event e
            WHERE e.shard = the_shard AND e.tenant = new.tenant AND e.thread_id = new.thread_id
            ORDER BY e.seq DESC LIMIT 1
        ) last ON true
        WHERE new.seq <> coalesce(last.seq, 0) + 1
    ) THEN
        RAISE EXCEPTION 'what is restored does not follow on what is here' USING ERRCODE = 'TL002';
    END IF;
    INSERT INTO {schema}.event (
        shard, tenant, thread_id, seq, position, id, append_id, first, type, version, time_us,
        actor, run_id, trace, head, data
    )
    SELECT the_shard, e.* FROM unnest(
        tenants, threads, seqs, positions, ids, append_ids, firsts, types, versions, times_us,
        actors, run_ids, traces, heads, payloads
    ) AS e;
    IF cardinality(head_numbers) > 0 THEN
        PERFORM {schema}.change_heads(
            the_shard, head_numbers, head_numbers, head_tenants, head_threads, head_fields,
            head_owners, head_titles, head_statuses, head_infos, head_deletions
        );
    END IF;
    RETURN {schema}.last_position(the_shard);
END
$$;
