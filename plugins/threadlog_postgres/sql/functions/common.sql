-- What the log's calls begin with.
--
-- Each call names the tenants that it serves (threadlog.tenants), because row-level security reads that setting: set in
-- the same plain statement as the query it would come too late.

-- The tenants that row-level security lets through; none where none were named. They are the keys of an object, in which
-- one of many is found sooner than in an array. A single expression, so that it is inlined.
CREATE OR REPLACE FUNCTION {schema}.served() RETURNS jsonb
LANGUAGE sql STABLE SECURITY INVOKER PARALLEL SAFE
AS $$
    SELECT jsonb_object(
        coalesce(nullif(current_setting('threadlog.tenants', true), ''), '{}')::text[],
        coalesce(nullif(current_setting('threadlog.tenants', true), ''), '{}')::text[]
    )
$$;

-- A shard's last position.
CREATE OR REPLACE FUNCTION {schema}.last_position(the_shard integer) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY INVOKER
AS $$
BEGIN  -- plpgsql and not sql, because it keeps its plan: 0.02 ms against 0.3 ms
    RETURN coalesce((
        SELECT p.position FROM {schema}.event_position p WHERE p.shard = the_shard ORDER BY p.position DESC LIMIT 1
    ), 0);
END
$$;

-- Microseconds since 1970; by date_part, whose double is exact enough for that, where extract computes in numeric.
CREATE OR REPLACE FUNCTION {schema}.now_us() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $$ SELECT (date_part('epoch', clock_timestamp()) * 1000000)::bigint $$;

-- Tells this server, since it was started, and this table from all others: no standby that is promoted, no server that
-- is restored and no schema that is made anew from a dump has the same.
CREATE OR REPLACE FUNCTION {schema}.here() RETURNS bigint
LANGUAGE sql STABLE SECURITY INVOKER
AS $$
    SELECT (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint # '{schema}.event'::regclass::oid::bigint
$$;

-- Name the tenants, and take the place of the shard's one writer until the end of the transaction. It answers only so
-- that callers can write an assignment, which plpgsql computes without a query: a tenth of the time.
CREATE OR REPLACE FUNCTION {schema}.enter(the_shard integer, patience_ms integer, the_tenants text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
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
