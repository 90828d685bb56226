-- Experiments: what came of their arms, and which one has won (R45).

-- name: open
-- Journeys whose experiments may have a winner, of all workspaces.
SELECT j.workspace_id, j.journey_id, j.live_version, v.body
FROM journeys j
JOIN journey_versions v
    ON v.workspace_id = j.workspace_id AND v.journey_id = j.journey_id AND v.version = j.live_version
WHERE j.status IN ('live', 'paused', 'draining') AND jsonb_path_exists(v.body, '$.steps.*.experiment.winner')
ORDER BY j.workspace_id, j.journey_id;

-- name: winners
SELECT workspace_id, experiment FROM experiment_winners;

-- name: left
-- $1 workspace, $2 journey, $3 step. Runs that left it, by arm, and those that reached the goal; all versions together.
SELECT split_part(counter, ':', 1) AS what, substr(counter, strpos(counter, ':') + 1) AS arm, sum(amount)::bigint AS runs
FROM step_counts
WHERE workspace_id = $1 AND journey_id = $2 AND step = $3 AND (counter LIKE 'left:%' OR counter LIKE 'goal:%')
GROUP BY counter;

-- name: arms
-- $1 workspace, $2 journey, $3 step, $4 bits of deliveries. Customers and runs by arm, and runs with such a delivery.
SELECT r.arms ->> $3 AS arm, count(DISTINCT r.customer_id) AS customers, count(*) AS runs, count(m.run_id) AS met
FROM runs r
LEFT JOIN (
    SELECT DISTINCT run_id FROM messages WHERE workspace_id = $1 AND journey_id = $2 AND kinds & $4::int <> 0
) m USING (run_id)
WHERE r.workspace_id = $1 AND r.journey_id = $2 AND r.arms <> '{}' AND r.arms ? $3
GROUP BY 1;

-- name: waiting
-- $1 workspace, $2 journey, $3 step. Runs that are there, and since when, ms.
SELECT count(*) AS runs, (extract(epoch FROM min(moved_at)) * 1000)::bigint AS since
FROM runs
WHERE workspace_id = $1 AND journey_id = $2 AND step = $3 AND ended_at IS NULL AND reason IS NULL;

-- name: winner
-- $1 workspace, $2 experiment.
SELECT arm, chosen_by, (extract(epoch FROM chosen_at) * 1000)::bigint AS chosen_at, control_id
FROM experiment_winners
WHERE workspace_id = $1 AND experiment = $2;

-- name: alone
-- $1 workspace, $2 experiment. One chooses at a time.
SELECT pg_advisory_xact_lock(hashtextextended('winner ' || $1 || ' ' || $2, 0));

-- name: set_winner
-- $1 workspace, $2 experiment, $3 arm, $4 by whom, $5 counts, $6 order.
INSERT INTO experiment_winners AS w (workspace_id, experiment, arm, chosen_by, counts, control_id)
VALUES ($1, $2, $3, $4, $5::jsonb, $6)
ON CONFLICT (workspace_id, experiment) DO UPDATE SET
    arm = excluded.arm, chosen_by = excluded.chosen_by, chosen_at = clock_timestamp(), counts = excluded.counts,
    control_id = excluded.control_id;
