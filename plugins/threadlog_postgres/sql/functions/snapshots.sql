CREATE OR REPLACE FUNCTION {schema}.load_snapshot(
    the_tenant text, the_thread text, the_projection text, the_version integer
) RETURNS TABLE (seq bigint, "check" text, state bytea)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET enable_seqscan = off  -- a plan that was made while there were few snapshots would read them all
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
