-- Who may do what. Run again after every migration.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {app};
GRANT SELECT ON {schema}.log, {schema}.migration, {schema}.event_position TO {app};
GRANT SELECT, INSERT ON {schema}.event TO {app};
GRANT SELECT, INSERT, UPDATE ON {schema}.head TO {app};
GRANT SELECT, INSERT, UPDATE ON {schema}.snapshot TO {app};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {app};
GRANT USAGE ON SCHEMA {schema} TO {redactor};
GRANT SELECT, UPDATE (data) ON {schema}.event TO {redactor};
GRANT EXECUTE ON FUNCTION {schema}.served() TO {redactor};
