-- What `laudstream doctor` wants to know.

-- name: facts
SELECT current_setting('server_version') AS version, current_setting('wal_level') AS wal_level;

-- name: role
SELECT rolname AS name, rolbypassrls OR rolsuper AS bypasses, rolreplication OR rolsuper AS replicates
FROM pg_roles WHERE rolname = current_user;
