-- Apply head changes, those numbered by `chosen`, no two of the same thread. `thread_of` gives each change's place in
-- `tenants` and `threads`; `fields` is a bit mask of what it gives: 1 owner, 2 title, 4 status, 8 info, 16 deleted.
CREATE OR REPLACE FUNCTION {schema}.change_heads(
    the_shard integer, chosen integer[], thread_of integer[], tenants text[], threads text[], fields integer[],
    owners text[], titles text[], statuses text[], infos text[], deletions boolean[]
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off  -- a plan that was made while there were few heads would read them all for ever
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
BEGIN
    UPDATE {schema}.head h SET
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

    INSERT INTO {schema}.head (shard, tenant, thread_id, position, created_us, owner, title, status, info, deleted)
    SELECT the_shard, tenants[thread_of[c.at]], threads[thread_of[c.at]], first.position, first.time_us,
           owners[c.at], titles[c.at], coalesce(statuses[c.at], 'active'), infos[c.at], coalesce(deletions[c.at], false)
    FROM unnest(chosen) AS c (at), LATERAL (  -- LIMIT, or the planner may look through a tenant's events for them
        SELECT e.position, e.time_us FROM {schema}.event e
        WHERE e.shard = the_shard AND e.tenant = tenants[thread_of[c.at]] AND e.thread_id = threads[thread_of[c.at]]
          AND e.seq = 1
        LIMIT 1
    ) first
    ON CONFLICT (tenant, thread_id) DO NOTHING;
END
$$;

-- Heads in order of creation; `mark` is the thread to go on after (null: from the start).
CREATE OR REPLACE FUNCTION {schema}.list_heads(
    the_tenant text, the_owner text, mark text, most integer, newest_first boolean
) RETURNS TABLE (thread_id text, created_us bigint, owner text, title text, status text, info text)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET enable_seqscan = off  -- a plan that was made while there were few heads would read them all
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
        WHERE h.tenant = the_tenant AND NOT h.deleted AND h.position > 0 AND (place IS NULL OR h.position < place)
        ORDER BY h.position DESC LIMIT most;
    ELSIF the_owner IS NULL THEN
        RETURN QUERY SELECT h.thread_id, h.created_us, h.owner, h.title, h.status, h.info FROM {schema}.head h
        WHERE h.tenant = the_tenant AND NOT h.deleted AND h.position > 0 AND (place IS NULL OR h.position > place)
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
