-- Signals: events that belong to no customer (R34).

-- name: alone
-- $1 workspace. One after another, so that their numbers are in the order of the outbox.
SELECT pg_advisory_xact_lock(hashtextextended('signals ' || $1, 0));

-- name: known
-- $1 workspace, $2 message. Its number, if it came within the last day (R57).
SELECT number FROM signals
WHERE workspace_id = $1 AND message_id = $2 AND received_at > clock_timestamp() - interval '1 day';

-- name: lately
-- $1 workspace. How many came within an hour, and the number of the last one.
SELECT count(*) FILTER (WHERE received_at > clock_timestamp() - interval '1 hour') AS lately,
    coalesce(max(number), 0) AS last
FROM signals
WHERE workspace_id = $1;

-- name: add
-- $1 workspace, $2 number, $3 message, $4 name, $5 order.
INSERT INTO signals (workspace_id, number, message_id, name, control_id) VALUES ($1, $2, $3, $4, $5);

-- name: forget
-- $1 workspace, $2 number of the last one, which stays: it says what comes next.
DELETE FROM signals
WHERE workspace_id = $1 AND received_at <= clock_timestamp() - interval '1 day' AND number < $2;
