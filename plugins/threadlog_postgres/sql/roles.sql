-- The roles. They belong to the whole server and not to this database, so they may be there already.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{app}') THEN
        CREATE ROLE {app} NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{redactor}') THEN
        CREATE ROLE {redactor} NOLOGIN;
    END IF;
END
$$;
GRANT {app} TO CURRENT_USER;
