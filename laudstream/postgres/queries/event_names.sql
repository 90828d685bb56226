-- Names of the events that a workspace has tracked (R60).

-- name: add
-- $1 workspace, $2 names, $3 at most so many of a workspace are kept.
INSERT INTO event_names (workspace_id, name)
SELECT $1, s.name
FROM unnest($2::text[]) AS s (name)
ORDER BY s.name
LIMIT greatest(0, $3 - (SELECT count(*) FROM event_names WHERE workspace_id = $1))
ON CONFLICT (workspace_id, name) DO NOTHING;

-- name: tracked
-- $1 workspace.
SELECT name FROM event_names WHERE workspace_id = $1;

-- name: emitted
-- $1 workspace. Events that steps of live versions send.
SELECT DISTINCT jsonb_path_query(v.body, '$.steps.*.emit.event') #>> '{}' AS name
FROM journeys j
JOIN journey_versions v
    ON v.workspace_id = j.workspace_id AND v.journey_id = j.journey_id AND v.version = j.live_version
WHERE j.workspace_id = $1;
