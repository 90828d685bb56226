-- Workspaces, keys, and the roles of the processes.
-- Roles are made by whoever makes the database (local-env/postgres.sql, your cloud):
--   laudstream        owns everything, runs migrations
--   laudstream_api    the API; row-level security holds it to app.workspace
--   laudstream_worker workers and import; sees all workspaces (BYPASSRLS)
--   laudstream_cdc    Debezium; REPLICATION, reads the captured tables

CREATE TABLE workspaces (
    workspace_id text PRIMARY KEY CHECK (workspace_id ~ '^[a-z0-9]{8,32}$'),
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    workspace_id text NOT NULL REFERENCES workspaces,
    key_hash bytea NOT NULL UNIQUE,            -- SHA-256; the key itself is shown once and never kept
    kind text NOT NULL CHECK (kind IN ('write', 'admin')),
    hint text NOT NULL,                        -- last four characters
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, key_hash)
);
