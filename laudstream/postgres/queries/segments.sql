-- Customers of segments, and customers as a preview looks at them.

-- name: members
-- $1 workspace, $2 segment, $3 place after which to go on (customer; NULL: from the first), $4 rows. By id.
SELECT m.customer_id, m.since, c.attributes
FROM segment_customers m
JOIN customers c USING (workspace_id, customer_id)
WHERE m.workspace_id = $1 AND m.segment = $2 AND m.member AND ($3::text IS NULL OR m.customer_id > $3)
ORDER BY m.customer_id
LIMIT $4;

-- name: count_members
-- $1 workspace, $2 segment.
SELECT count(*) FROM segment_customers WHERE workspace_id = $1 AND segment = $2 AND member;

-- name: count_customers
-- $1 workspace.
SELECT count(*) FROM customers WHERE workspace_id = $1;

-- name: shuffled
-- $1 workspace, $2 and $3 place after which to go on (hash, customer; NULL: from the first), $4 rows. In an order that has
-- nothing to do with who they are.
SELECT customer_id, hashtext(customer_id) AS place, attributes
FROM customers
WHERE workspace_id = $1
    AND ($2::int IS NULL OR hashtext(customer_id) >= $2)
    AND ($2::int IS NULL OR (hashtext(customer_id), customer_id) > ($2, $3))
ORDER BY hashtext(customer_id), customer_id
LIMIT $4;

-- name: consents_of
-- $1 workspace, $2 customers.
SELECT customer_id, channel, subscription, status FROM consents WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: segments_of
-- $1 workspace, $2 customers, $3 segments.
SELECT customer_id, segment, since
FROM segment_customers
WHERE workspace_id = $1 AND customer_id = ANY($2) AND segment = ANY($3) AND member;

-- name: runs_of
-- $1 workspace, $2 customers, $3 journeys.
SELECT customer_id, journey_id, entered_at, ended_at, outcome, reason
FROM runs
WHERE workspace_id = $1 AND customer_id = ANY($2) AND journey_id = ANY($3)
ORDER BY entered_at;

-- name: sent_to
-- $1 workspace, $2 customers. Messages that left.
SELECT customer_id, journey_id, step, channel, sent_at
FROM messages
WHERE workspace_id = $1 AND customer_id = ANY($2) AND sent_at IS NOT NULL
ORDER BY sent_at;
