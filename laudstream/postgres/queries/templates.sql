-- Templates and their versions.

-- name: page
-- $1 workspace, $2 P.
WITH lanes AS (
    SELECT count(*) AS known, coalesce(min(control_seq), -1) AS seq FROM lane_control WHERE partition < $2
)
SELECT t.template_id, t.channel, t.live_version, t.updated_at, coalesce(v.body->>'subject', v.body->>'url', '') AS subject,
    v.body->'requires' AS requires,
    o.error, (o.control_seq <= lanes.seq AND lanes.known = $2) IS TRUE AS seen
FROM templates t
CROSS JOIN lanes
JOIN template_versions v
    ON v.workspace_id = t.workspace_id AND v.template_id = t.template_id AND v.version = t.live_version
LEFT JOIN control_outbox o ON o.outbox_id = t.control_id
WHERE t.workspace_id = $1
ORDER BY t.template_id;

-- name: one
-- $1 workspace, $2 template, $3 P.
WITH lanes AS (
    SELECT count(*) AS known, coalesce(min(control_seq), -1) AS seq FROM lane_control WHERE partition < $3
)
SELECT t.channel, t.live_version, t.updated_at, v.body,
    o.error, (o.control_seq <= lanes.seq AND lanes.known = $3) IS TRUE AS seen
FROM templates t
CROSS JOIN lanes
JOIN template_versions v
    ON v.workspace_id = t.workspace_id AND v.template_id = t.template_id AND v.version = t.live_version
LEFT JOIN control_outbox o ON o.outbox_id = t.control_id
WHERE t.workspace_id = $1 AND t.template_id = $2;

-- name: versions
-- $1 workspace, $2 template. The newest first.
SELECT version, published_at FROM template_versions WHERE workspace_id = $1 AND template_id = $2 ORDER BY version DESC;

-- name: requires
-- $1 workspace. What each live template needs, and each version, as id@version; its channel.
SELECT t.template_id, v.body->'requires' AS requires, v.body->>'channel' AS channel
FROM templates t
JOIN template_versions v
    ON v.workspace_id = t.workspace_id AND v.template_id = t.template_id AND v.version = t.live_version
WHERE t.workspace_id = $1
UNION ALL
SELECT template_id || '@' || version, body->'requires', body->>'channel' FROM template_versions WHERE workspace_id = $1;

-- name: claim
-- $1 workspace, $2 template, $3 channel. Makes the template's row if there is none, and holds it: versions of a
-- template are published one after another. live_version 0: there is none yet.
INSERT INTO templates (workspace_id, template_id, channel, live_version) VALUES ($1, $2, $3, 0)
ON CONFLICT (workspace_id, template_id) DO UPDATE SET template_id = excluded.template_id
RETURNING live_version, control_id, channel;

-- name: same
-- $1 workspace, $2 template, $3 version, $4 body. Whether that version says just this.
SELECT body = $4::jsonb
FROM template_versions
WHERE workspace_id = $1 AND template_id = $2 AND version = $3;

-- name: add_version
-- $1 workspace, $2 template, $3 version, $4 body.
INSERT INTO template_versions (workspace_id, template_id, version, body) VALUES ($1, $2, $3, $4::jsonb);

-- name: set_version
-- $1 workspace, $2 template, $3 version, $4 order.
UPDATE templates SET live_version = $3, control_id = $4, updated_at = clock_timestamp()
WHERE workspace_id = $1 AND template_id = $2;
