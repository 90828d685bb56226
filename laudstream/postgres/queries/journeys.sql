-- Journeys, their versions, and the outbox of the control agent (A9).

-- name: page
-- $1 workspace, $2 P. `seen`: every lane has read the last control record; `error`: the control agent refused it.
WITH counted AS (
    SELECT journey_id,
        sum(amount) FILTER (WHERE step = '' AND counter = 'entered') AS entered,
        sum(amount) FILTER (WHERE step = '' AND counter LIKE 'ended:%') AS ended,
        sum(amount) FILTER (WHERE step <> '' AND counter = 'requested') AS messages,
        sum(amount) FILTER (WHERE step <> '' AND counter = 'sent') AS sent
    FROM step_counts
    WHERE workspace_id = $1
    GROUP BY journey_id
), lanes AS (
    SELECT count(*) AS known, coalesce(min(control_seq), -1) AS seq FROM lane_control WHERE partition < $2
)
SELECT j.journey_id, j.name, j.status, j.live_version, j.draft IS NOT NULL AS drafted, j.updated_at,
    j.trial_version, j.trial_share, o.error, j.control_id IS NULL OR (o.control_seq <= lanes.seq AND lanes.known = $2) IS TRUE AS seen,
    coalesce(c.entered, 0)::bigint AS entered, coalesce(c.ended, 0)::bigint AS ended,
    coalesce(c.messages, 0)::bigint AS messages, coalesce(c.sent, 0)::bigint AS sent
FROM journeys j
CROSS JOIN lanes
LEFT JOIN control_outbox o ON o.outbox_id = j.control_id
LEFT JOIN counted c USING (journey_id)
WHERE j.workspace_id = $1
ORDER BY j.updated_at DESC, j.journey_id;

-- name: one
-- $1 workspace, $2 journey, $3 P.
WITH lanes AS (
    SELECT count(*) AS known, coalesce(min(control_seq), -1) AS seq FROM lane_control WHERE partition < $3
)
SELECT j.name, j.status, j.live_version, j.draft, j.updated_at, v.body, j.trial_version, j.trial_share,
    o.error, j.control_id IS NULL OR (o.control_seq <= lanes.seq AND lanes.known = $3) IS TRUE AS seen
FROM journeys j
CROSS JOIN lanes
LEFT JOIN control_outbox o ON o.outbox_id = j.control_id
LEFT JOIN journey_versions v
    ON v.workspace_id = j.workspace_id AND v.journey_id = j.journey_id AND v.version = j.live_version
WHERE j.workspace_id = $1 AND j.journey_id = $2;

-- name: versions
-- $1 workspace, $2 journey. The newest first.
SELECT version, published_at FROM journey_versions WHERE workspace_id = $1 AND journey_id = $2 ORDER BY version DESC;

-- name: version_bodies
-- $1 workspace, $2 journey. The newest first, at most 200.
SELECT body, published_at
FROM journey_versions
WHERE workspace_id = $1 AND journey_id = $2
ORDER BY version DESC
LIMIT 200;

-- name: version_body
-- $1 workspace, $2 journey, $3 version.
SELECT body FROM journey_versions WHERE workspace_id = $1 AND journey_id = $2 AND version = $3;

-- name: save_draft
-- $1 workspace, $2 journey, $3 name, $4 definition. A draft that equals the live version is none.
INSERT INTO journeys (workspace_id, journey_id, name, draft) VALUES ($1, $2, $3, $4::jsonb)
ON CONFLICT (workspace_id, journey_id) DO UPDATE SET
    name = excluded.name,
    draft = CASE WHEN excluded.draft = (
        SELECT body FROM journey_versions v
        WHERE v.workspace_id = $1 AND v.journey_id = $2 AND v.version = journeys.live_version
    ) THEN NULL ELSE excluded.draft END,
    updated_at = clock_timestamp();

-- name: lock
-- $1 workspace, $2 journey. Publishing, pausing, … of a journey go one after another.
SELECT status, live_version, control_id, draft, trial_version, trial_share
FROM journeys
WHERE workspace_id = $1 AND journey_id = $2
FOR UPDATE;

-- name: last_version
-- $1 workspace, $2 journey.
SELECT coalesce(max(version), 0) FROM journey_versions WHERE workspace_id = $1 AND journey_id = $2;

-- name: add_version
-- $1 workspace, $2 journey, $3 version, $4 definition.
INSERT INTO journey_versions (workspace_id, journey_id, version, body) VALUES ($1, $2, $3, $4::jsonb);

-- name: order
-- $1 workspace, $2 kind, $3 id, $4 version, $5 status, $6 body (NULL: the version is not new), $7 share of a trial in
-- 1/10,000. Returns the order's number.
INSERT INTO control_outbox (workspace_id, kind, id, version, status, body, share)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
RETURNING outbox_id;

-- name: set_status
-- $1 workspace, $2 journey, $3 status, $4 version, $5 order, $6 whether the draft is now published. A trial ends with a
-- stop, and when another version takes over.
UPDATE journeys SET
    trial_version = CASE WHEN $3 = 'stopped' OR live_version IS DISTINCT FROM $4 THEN NULL ELSE trial_version END,
    status = $3, live_version = $4, control_id = $5, updated_at = clock_timestamp(),
    draft = CASE WHEN $6 THEN NULL ELSE draft END
WHERE workspace_id = $1 AND journey_id = $2;

-- name: seen
-- $1 order, $2 P. Whether every lane has read it, and why the control agent refused it.
SELECT error, (
    SELECT count(*) = $2 AND min(control_seq) >= o.control_seq FROM lane_control WHERE partition < $2
) IS TRUE AS seen
FROM control_outbox o
WHERE outbox_id = $1;

-- name: stats
-- $1 workspace, $2 journey, $3 version (NULL: all). Counters of all lanes together.
SELECT step, counter, sum(amount)::bigint AS amount
FROM step_counts
WHERE workspace_id = $1 AND journey_id = $2 AND ($3::int IS NULL OR version = $3)
GROUP BY step, counter
ORDER BY step, counter;
