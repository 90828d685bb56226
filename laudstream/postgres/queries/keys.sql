-- Keys of workspaces: only their SHA-256 is kept.

-- name: workspace_of_key
-- $1 hash. Before the workspace is known, so by a function that row-level security lets through.
SELECT workspace_id, kind FROM workspace_of_key($1);

-- name: add_key
-- $1 workspace, $2 hash, $3 kind, $4 hint.
INSERT INTO api_keys (workspace_id, key_hash, kind, hint) VALUES ($1, $2, $3, $4);

-- name: add_workspace
-- $1 workspace, $2 name.
INSERT INTO workspaces (workspace_id, name) VALUES ($1, $2);
