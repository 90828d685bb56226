-- Timelines: what was decided for a customer.

-- name: timeline
-- $1 workspace, $2 customer, $3 and $4 place before which to go on (at, n; NULL: from the newest), $5 rows.
SELECT at, n, body
FROM decisions
WHERE workspace_id = $1 AND customer_id = $2
    AND ($3::timestamptz IS NULL OR at < $3 OR (at = $3 AND n < $4))
ORDER BY at DESC, n DESC
LIMIT $5;
