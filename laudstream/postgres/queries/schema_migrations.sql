-- What migrations were applied.

-- name: lock
SELECT pg_advisory_lock($1);

-- name: unlock
SELECT pg_advisory_unlock($1);

-- name: exists
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: create
CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: list
SELECT number, name, checksum FROM schema_migrations ORDER BY number;

-- name: add
INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3);
