-- Templates, segments, subscriptions and the settings of a workspace, with their versions.

-- name: page
-- $1 workspace, $2 kind, $3 P. `seen`: every lane has read the last control record; `error`: it was refused. Bodies of
-- templates come without what can be long.
WITH lanes AS (
    SELECT count(*) AS known, coalesce(min(control_seq), -1) AS seq FROM lane_control WHERE partition < $3
)
SELECT d.id, d.live_version, d.updated_at,
    CASE d.kind WHEN 'template' THEN v.body - ARRAY['html', 'text', 'body', 'headers'] ELSE v.body END AS body,
    o.error, (o.control_seq <= lanes.seq AND lanes.known = $3) IS TRUE AS seen
FROM definitions d
CROSS JOIN lanes
JOIN definition_versions v USING (workspace_id, kind, id)
LEFT JOIN control_outbox o ON o.outbox_id = d.control_id
WHERE d.workspace_id = $1 AND d.kind = $2 AND NOT d.deleted AND v.version = d.live_version
ORDER BY d.id;

-- name: one
-- $1 workspace, $2 kind, $3 id, $4 P.
WITH lanes AS (
    SELECT count(*) AS known, coalesce(min(control_seq), -1) AS seq FROM lane_control WHERE partition < $4
)
SELECT d.id, d.live_version, d.updated_at, v.body,
    o.error, (o.control_seq <= lanes.seq AND lanes.known = $4) IS TRUE AS seen
FROM definitions d
CROSS JOIN lanes
JOIN definition_versions v USING (workspace_id, kind, id)
LEFT JOIN control_outbox o ON o.outbox_id = d.control_id
WHERE d.workspace_id = $1 AND d.kind = $2 AND d.id = $3 AND NOT d.deleted AND v.version = d.live_version;

-- name: versions
-- $1 workspace, $2 kind, $3 id. The newest first.
SELECT version, published_at
FROM definition_versions
WHERE workspace_id = $1 AND kind = $2 AND id = $3
ORDER BY version DESC;

-- name: version_bodies
-- $1 workspace, $2 kind, $3 id. The newest first, at most 200.
SELECT version, published_at, body
FROM definition_versions
WHERE workspace_id = $1 AND kind = $2 AND id = $3
ORDER BY version DESC
LIMIT 200;

-- name: zone
-- $1 workspace.
SELECT time_zone FROM workspaces WHERE workspace_id = $1;

-- name: bodies
-- $1 workspace, $2 kind. Of all that are live.
SELECT d.id, v.body
FROM definitions d
JOIN definition_versions v USING (workspace_id, kind, id)
WHERE d.workspace_id = $1 AND d.kind = $2 AND NOT d.deleted AND v.version = d.live_version
ORDER BY d.id;

-- name: alone
-- $1 workspace. Changes of what names each other go one after another.
SELECT pg_advisory_xact_lock(hashtextextended('definitions ' || $1, 0));

-- name: claim
-- $1 workspace, $2 kind, $3 id. Makes the row if there is none, and holds it. live_version 0: there is none yet.
INSERT INTO definitions (workspace_id, kind, id, live_version) VALUES ($1, $2, $3, 0)
ON CONFLICT (workspace_id, kind, id) DO UPDATE SET id = excluded.id
RETURNING live_version, control_id, deleted;

-- name: last_version
-- $1 workspace, $2 kind, $3 id.
SELECT coalesce(max(version), 0) FROM definition_versions WHERE workspace_id = $1 AND kind = $2 AND id = $3;

-- name: same
-- $1 workspace, $2 kind, $3 id, $4 version, $5 body. What that version says, and whether it is just this.
SELECT body, body = $5::jsonb AS same
FROM definition_versions
WHERE workspace_id = $1 AND kind = $2 AND id = $3 AND version = $4;

-- name: add_version
-- $1 workspace, $2 kind, $3 id, $4 version, $5 body.
INSERT INTO definition_versions (workspace_id, kind, id, version, body) VALUES ($1, $2, $3, $4, $5::jsonb);

-- name: set_version
-- $1 workspace, $2 kind, $3 id, $4 version, $5 order, $6 deleted.
UPDATE definitions SET live_version = $4, control_id = $5, deleted = $6, updated_at = clock_timestamp()
WHERE workspace_id = $1 AND kind = $2 AND id = $3;

-- name: journeys
-- $1 workspace. Bodies of versions that have runs or take entries: what they name stays.
SELECT j.journey_id, v.body
FROM journeys j
JOIN journey_versions v USING (workspace_id, journey_id)
WHERE j.workspace_id = $1 AND j.status IN ('live', 'paused', 'draining')
ORDER BY j.journey_id, v.version;

-- name: set_zone
-- $1 workspace, $2 time zone.
UPDATE workspaces SET time_zone = $2 WHERE workspace_id = $1;

-- name: known
-- $1 workspace, $2 customers. Those that there are.
SELECT customer_id FROM customers WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: set_members
-- $1 workspace, $2 segment, $3 customers, $4 member. Those who changed.
INSERT INTO segment_members AS m (workspace_id, segment, customer_id, customer_key, member)
SELECT c.workspace_id, $2, c.customer_id, c.customer_key, $4
FROM customers c
WHERE c.workspace_id = $1 AND c.customer_id = ANY($3) AND ($4 OR EXISTS (
    SELECT FROM segment_members k WHERE k.workspace_id = $1 AND k.segment = $2 AND k.customer_id = c.customer_id
))
ON CONFLICT (workspace_id, segment, customer_id) DO UPDATE SET member = excluded.member
WHERE m.member <> excluded.member
RETURNING customer_id;

-- name: pinnable
-- $1 workspace. Versions of live segments with a condition: they may be named as id@version.
SELECT v.id, v.version, v.body
FROM definitions d
JOIN definition_versions v USING (workspace_id, kind, id)
WHERE d.workspace_id = $1 AND d.kind = 'segment' AND NOT d.deleted AND v.body ? 'condition'
ORDER BY v.id, v.version;

-- name: all_journeys
-- $1 workspace.
SELECT journey_id FROM journeys WHERE workspace_id = $1;

-- name: templates
-- $1 workspace. What each live template needs, and each version, as id@version; its channel.
SELECT d.id, v.body->'requires' AS requires, v.body->>'channel' AS channel
FROM definitions d
JOIN definition_versions v USING (workspace_id, kind, id)
WHERE d.workspace_id = $1 AND d.kind = 'template' AND v.version = d.live_version
UNION ALL
SELECT id || '@' || version, body->'requires', body->>'channel'
FROM definition_versions
WHERE workspace_id = $1 AND kind = 'template';
