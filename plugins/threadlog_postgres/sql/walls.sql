-- The second wall: what the application's role may do, and which rows it sees.
--
-- Rights are granted on the parent table alone, because a partition that is read directly knows no policy of its
-- parent. The owner of the tables is not bound by policies, so the application must not be the owner.

ALTER TABLE {schema}.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.head ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.snapshot ENABLE ROW LEVEL SECURITY;

-- The inner SELECT makes Postgres ask once for each query and not once for each row. That what is not false is not null
-- says no more than `?` by itself; but of that alone the planner thinks that one row in a thousand has it, and sorts the
-- few that it expects instead of reading them in the index's order. And not `tenant = ANY (…)`, which
-- Postgres takes for a condition of the index: for that it may give up the index's order, and read a whole thread to find
-- where it ends.
CREATE POLICY tenant ON {schema}.event
    USING (nullif((SELECT {schema}.served()) ? tenant, false) IS NOT NULL);
CREATE POLICY tenant ON {schema}.head
    USING (nullif((SELECT {schema}.served()) ? tenant, false) IS NOT NULL);
CREATE POLICY tenant ON {schema}.snapshot
    USING (nullif((SELECT {schema}.served()) ? tenant, false) IS NOT NULL);

-- Events are never changed, but that {redactor} may replace payloads where the law demands it: whoever does acts as that
-- role (SET ROLE), and names the tenant (threadlog.tenants) as everybody does.
CREATE FUNCTION {schema}.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = '{redactor}' THEN
        IF position('\x0a' IN NEW.data) > 0 OR position('\x0d' IN NEW.data) > 0 THEN
            RAISE EXCEPTION 'a payload holds no line break' USING ERRCODE = 'TL004';
        END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'TL003';
END
$$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {schema}.event
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse_change();
CREATE TRIGGER refuse_truncation BEFORE TRUNCATE ON {schema}.event
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();
