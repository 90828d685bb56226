-- Timelines: what was decided for a customer.

-- name: timeline
-- By number, which is the order in which the lane decided; what follows a message counts from the round's clock, so
-- its time may be later than that of the next event.
-- $1 workspace, $2 customer, $3 number before which to go on (NULL: from the newest), $4 rows.
SELECT n, body
FROM decisions
WHERE workspace_id = $1 AND customer_id = $2 AND ($3::bigint IS NULL OR n < $3)
ORDER BY n DESC
LIMIT $4;

-- name: merged_timeline
-- By time and then by number: two customers who became one were numbered each for itself. (The primary key serves.)
-- $1 workspace, $2 customer, $3 to $5 place before which to go on (at, n, decision_id; NULL: from the newest), $6 rows.
SELECT at, n, decision_id, body
FROM decisions
WHERE workspace_id = $1 AND customer_id = $2
    AND ($3::timestamptz IS NULL OR at <= $3 AND (at, n, decision_id) < ($3, $4, $5))
ORDER BY at DESC, n DESC, decision_id DESC
LIMIT $6;
