-- The second wall: what the application's role may do, and which rows it sees.
--
-- Rights are granted on the parent table alone, because a partition that is read directly knows no policy of its
-- parent. The owner of the tables is not bound by policies, so the application must not be the owner.

ALTER TABLE {schema}.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.head ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.snapshot ENABLE ROW LEVEL SECURITY;

-- The inner SELECT makes Postgres ask once for each query and not once for each row.
CREATE POLICY tenant ON {schema}.event
    USING (tenant = ANY ((SELECT {schema}.served())::text[]));
CREATE POLICY tenant ON {schema}.head
    USING (tenant = ANY ((SELECT {schema}.served())::text[]));
CREATE POLICY tenant ON {schema}.snapshot
    USING (tenant = ANY ((SELECT {schema}.served())::text[]));

-- Events are never changed. A role that must redact by law is made a member of {redactor}.
CREATE FUNCTION {schema}.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF pg_has_role(session_user, '{redactor}', 'MEMBER') THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'TL003';
END
$$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {schema}.event
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse_change();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {app};
GRANT SELECT ON {schema}.log TO {app};
GRANT SELECT, INSERT ON {schema}.event TO {app};
GRANT SELECT, INSERT, UPDATE ON {schema}.head TO {app};
GRANT SELECT, INSERT, UPDATE ON {schema}.snapshot TO {app};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {app};
