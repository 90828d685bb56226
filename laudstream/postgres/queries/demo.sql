-- What the demo counts in PostgreSQL, beside what the API tells.

-- name: customers
SELECT count(*) FROM customers;

-- name: claims
-- $1 workspace, $2 journey.
SELECT state, count(*) AS claims
FROM send_claims
WHERE workspace_id = $1 AND coalesce(outcome, body)->>'journey' = $2
GROUP BY state;
