-- Censuses: of how many customers a condition holds, counted by lanes (A10).

-- name: state_format
-- Of all lanes, as far as PostgreSQL knows.
SELECT number FROM levels WHERE name = 'state_format';

-- name: alone
-- $1 workspace. One after another, so that nobody orders more than there may be.
SELECT pg_advisory_xact_lock(hashtextextended('censuses ' || $1, 0));

-- name: under_way
-- $1 workspace, $2 P. Orders of a day that not all lanes have answered; `fresh`: a moment old.
SELECT o.outbox_id, o.id, o.created_at > now() - interval '10 seconds' AS fresh
FROM control_outbox o
WHERE o.workspace_id = $1 AND o.kind = 'census' AND o.error IS NULL AND o.created_at > now() - interval '1 day'
    AND (SELECT count(*) FROM census_counts c WHERE c.control_seq = o.control_seq AND c.partition < $2) < $2
ORDER BY o.outbox_id;

-- name: asked
-- $1 workspace, $2 order. One of the last day, and why the control agent refused it.
SELECT error FROM control_outbox
WHERE outbox_id = $2 AND workspace_id = $1 AND kind = 'census' AND created_at > now() - interval '1 day';

-- name: counted
-- $1 workspace, $2 order. What each lane has counted; nothing yet: no rows.
SELECT c.looked_at, c.matching, c.failed, c.unseen, c.sample
FROM control_outbox o
JOIN census_counts c USING (control_seq)
WHERE o.workspace_id = $1 AND o.outbox_id = $2 AND o.kind = 'census' AND c.workspace_id = $1;

-- name: emails
-- $1 workspace, $2 customers.
SELECT customer_id, attributes FROM customers WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: forget
-- $1 workspace.
DELETE FROM census_counts WHERE workspace_id = $1 AND counted_at < now() - interval '1 day';
