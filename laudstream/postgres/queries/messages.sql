-- Messages, as the projector keeps them.

-- name: page
-- $1 workspace, $2 and $3 place after which to go on (requested_at, send_id; NULL: from the newest), $4 rows,
-- $5 journey, $6 customer, $7 status (NULL: all).
SELECT send_id, customer_id, channel, message_class, journey_id, version, run_id, step, template_id, template_version,
    status, reason, requested_at, sent_at, status_at
FROM messages
WHERE workspace_id = $1
    AND requested_at IS NOT NULL
    AND ($2::timestamptz IS NULL OR requested_at < $2 OR (requested_at = $2 AND send_id > $3))
    AND ($5::text IS NULL OR journey_id = $5)
    AND ($6::text IS NULL OR customer_id = $6)
    AND ($7::text IS NULL OR status = $7)
ORDER BY requested_at DESC, send_id
LIMIT $4;
