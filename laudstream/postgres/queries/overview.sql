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
-- $1 workspace. Counters, and not the rows of customers who may be deleted: those who were there stay counted.
SELECT
    (SELECT count(*) FROM customers WHERE workspace_id = $1) AS customers,
    (SELECT count(*) FROM journeys WHERE workspace_id = $1 AND status = 'live') AS journeys_live,
    entered AS runs_entered, entered - ended AS runs_active, requested AS messages, sent AS messages_sent,
    (SELECT count(*) FROM dead_letters WHERE workspace_id = $1) AS dead_letters
FROM (
    SELECT
        coalesce(sum(amount) FILTER (WHERE step = '' AND counter = 'entered'), 0)::bigint AS entered,
        coalesce(sum(amount) FILTER (WHERE step = '' AND counter LIKE 'ended:%'), 0)::bigint AS ended,
        coalesce(sum(amount) FILTER (WHERE step <> '' AND counter = 'requested'), 0)::bigint AS requested,
        coalesce(sum(amount) FILTER (WHERE step <> '' AND counter = 'sent'), 0)::bigint AS sent
    FROM step_counts
    WHERE workspace_id = $1
) AS counted;

-- name: ping
SELECT 1;
