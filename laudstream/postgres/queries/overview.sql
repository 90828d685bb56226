-- The workspace and its counts at a glance.

-- name: workspace
-- $1 workspace.
SELECT w.workspace_id, w.name, w.time_zone, (
    SELECT hint FROM api_keys k
    WHERE k.workspace_id = w.workspace_id AND kind = 'write' AND revoked_at IS NULL
    ORDER BY created_at DESC LIMIT 1
) AS write_key_hint
FROM workspaces w
WHERE w.workspace_id = $1;

-- name: counts
-- $1 workspace. "Today" began at midnight in the workspace's time zone.
SELECT
    (SELECT count(*) FROM customers WHERE workspace_id = $1) AS customers,
    (SELECT count(*) FROM journeys WHERE workspace_id = $1 AND status = 'live') AS journeys_live,
    (SELECT coalesce(sum(amount) FILTER (WHERE counter = 'entered'), 0)::bigint
        FROM step_counts WHERE workspace_id = $1 AND step = '') AS runs_entered,
    (SELECT (coalesce(sum(amount) FILTER (WHERE counter = 'entered'), 0)
        - coalesce(sum(amount) FILTER (WHERE counter LIKE 'ended:%'), 0))::bigint
        FROM step_counts WHERE workspace_id = $1 AND step = '') AS runs_active,
    (SELECT coalesce(sum(amount), 0)::bigint
        FROM step_counts WHERE workspace_id = $1 AND step <> '' AND counter = 'requested') AS messages,
    (SELECT count(*) FROM messages m JOIN workspaces w USING (workspace_id)
        WHERE m.workspace_id = $1
            AND m.requested_at >= date_trunc('day', now() AT TIME ZONE w.time_zone) AT TIME ZONE w.time_zone)
        AS messages_today,
    (SELECT count(*) FROM dead_letters WHERE workspace_id = $1) AS dead_letters;

-- name: ping
SELECT 1;
