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
