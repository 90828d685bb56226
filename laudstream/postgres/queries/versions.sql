-- Versions of a journey: their history, the one on trial, migrations, and counts of who is where (R48).

-- name: page
-- $1 workspace, $2 journey. The newest first; people: runs that are on it now, as far as the projector is.
WITH counted AS (
    SELECT version, sum(CASE
        WHEN counter IN ('entered', 'moved_in') THEN amount
        WHEN counter = 'moved_out' OR counter LIKE 'ended:%' THEN -amount
        ELSE 0
    END)::bigint AS runs
    FROM step_counts
    WHERE workspace_id = $1 AND journey_id = $2 AND step = ''
    GROUP BY version
)
SELECT v.version, v.published_at, v.restored_from, coalesce(c.runs, 0) AS runs,
    v.body ? 'migrate' AS migrates, v.version = j.live_version AS live,
    CASE WHEN v.version = j.trial_version THEN j.trial_share END AS share
FROM journey_versions v
JOIN journeys j USING (workspace_id, journey_id)
LEFT JOIN counted c USING (version)
WHERE v.workspace_id = $1 AND v.journey_id = $2
ORDER BY v.version DESC;

-- name: body
-- $1 workspace, $2 journey, $3 version.
SELECT body FROM journey_versions WHERE workspace_id = $1 AND journey_id = $2 AND version = $3;

-- name: trial
-- $1 workspace, $2 journey.
SELECT trial_version, trial_share FROM journeys WHERE workspace_id = $1 AND journey_id = $2;

-- name: restored
-- $1 workspace, $2 journey, $3 version, $4 the one whose body it is.
UPDATE journey_versions SET restored_from = $4 WHERE workspace_id = $1 AND journey_id = $2 AND version = $3;

-- name: set_trial
-- $1 workspace, $2 journey, $3 version (NULL: none), $4 share, $5 order, $6 whether the draft is now published.
UPDATE journeys SET
    trial_version = $3, trial_share = $4, control_id = $5, updated_at = clock_timestamp(),
    draft = CASE WHEN $6 THEN NULL ELSE draft END
WHERE workspace_id = $1 AND journey_id = $2;

-- name: add_migration
-- $1 workspace, $2 journey, $3 version that it leads to, $4 map. Returns its number; the journey is locked.
INSERT INTO journey_migrations (workspace_id, journey_id, number, to_version, steps)
SELECT $1, $2, 1 + coalesce(max(number), 0), $3, $4::jsonb
FROM journey_migrations
WHERE workspace_id = $1 AND journey_id = $2
RETURNING number;

-- name: steps_before
-- $1 workspace, $2 journey, $3 version (NULL: any). Names of the steps of all other versions that were published.
SELECT DISTINCT s.name
FROM journey_versions v, jsonb_object_keys(v.body -> 'steps') AS s (name)
WHERE v.workspace_id = $1 AND v.journey_id = $2 AND ($3::int IS NULL OR v.version <> $3);

-- name: open_count
-- $1 workspace, $2 journey. A count that was asked for a moment ago and has not come together yet.
SELECT o.outbox_id
FROM control_outbox o
WHERE o.workspace_id = $1 AND o.kind = 'count' AND o.id = $2 AND o.error IS NULL
    AND o.created_at > now() - interval '10 seconds'
    AND NOT EXISTS (SELECT FROM presence_counts c WHERE c.control_seq = o.control_seq)
ORDER BY o.outbox_id DESC
LIMIT 1;

-- name: counted
-- $1 workspace, $2 order. What each lane has counted; nothing yet: no rows.
SELECT c.partition, c.cells, c.counted_at
FROM control_outbox o
JOIN presence_counts c USING (control_seq)
WHERE o.workspace_id = $1 AND o.outbox_id = $2 AND o.kind = 'count' AND c.workspace_id = $1
ORDER BY c.partition;

-- name: asked
-- $1 workspace, $2 journey, $3 order. Whether that is a count of this journey.
SELECT true FROM control_outbox WHERE workspace_id = $1 AND kind = 'count' AND id = $2 AND outbox_id = $3;

-- name: forget_counts
-- $1 workspace.
DELETE FROM presence_counts WHERE workspace_id = $1 AND counted_at < now() - interval '1 day';
