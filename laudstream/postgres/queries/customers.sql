-- Customers, for the API. Row-level security holds every statement to the workspace of the transaction; the
-- workspace stands in the conditions too, so that the indexes serve.

-- name: identify
-- $1 workspace, $2 customer, $3 traits, $4 it is known by now. The whole row comes back: it travels with the event (A17).
INSERT INTO customers (workspace_id, customer_id, attributes, known) VALUES ($1, $2, $3::jsonb, $4)
ON CONFLICT (workspace_id, customer_id) DO UPDATE
    SET attributes = customers.attributes || excluded.attributes, known = customers.known OR excluded.known
RETURNING born, revision, attributes, created_ms, writes, merges;

-- name: rows
-- $1 workspace, $2 customers. Their rows as they travel with events (A17).
SELECT customer_id, born, revision, attributes, created_ms, writes, merges
FROM customers
WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: page
-- $1 workspace, $2 and $3 place after which to go on (created_ms, customer_id; NULL: from the newest), $4 rows,
-- $5 pattern of the beginning of an id or mail address (lower case; NULL: all).
SELECT customer_id, created_ms, attributes
FROM customers
WHERE workspace_id = $1
    AND ($2::bigint IS NULL OR created_ms < $2 OR (created_ms = $2 AND customer_id > $3))
    AND ($5::text IS NULL OR lower(customer_id) LIKE $5 OR lower(attributes->>'email') LIKE $5)
ORDER BY created_ms DESC, customer_id
LIMIT $4;

-- name: one
-- $1 workspace, $2 customer.
SELECT customer_id, created_ms, attributes
FROM customers
WHERE workspace_id = $1 AND customer_id = $2;

-- name: runs
-- $1 workspace, $2 customer, $3 rows. The newest first.
SELECT run_id, journey_id, version, step, entered_at, moved_at, ended_at, outcome, reason, arms
FROM runs
WHERE workspace_id = $1 AND customer_id = $2
ORDER BY entered_at DESC, run_id
LIMIT $3;

-- name: consents
-- $1 workspace, $2 customer.
SELECT channel, subscription, status, updated_at
FROM consents
WHERE workspace_id = $1 AND customer_id = $2
ORDER BY channel, subscription;

-- name: suppressions
-- $1 workspace, $2 customer.
SELECT channel, reason, updated_at FROM suppressions WHERE workspace_id = $1 AND customer_id = $2 ORDER BY channel;

-- name: delete
-- $1 workspace, $2 customer. Its aliases go with it. Debezium carries both to the lanes, and so does an event:
-- they end the runs and erase the state (R15, R54).
DELETE FROM customers WHERE workspace_id = $1 AND customer_id = $2
RETURNING born, revision;

-- name: alone_with_writes
-- Before all other locks: writes of lanes that are under way are over, and others wait (see `with_deletions`).
SELECT pg_advisory_xact_lock(hashtextextended('erasures', 0));

-- name: erase_unseen
-- $1 workspace, $2 customer without a row. The number of the deletion.
INSERT INTO erasures (workspace_id, customer_id, number) VALUES ($1, $2, nextval('row_revision'))
ON CONFLICT (workspace_id, customer_id) DO UPDATE SET number = excluded.number
RETURNING number;

-- name: erase_seen
-- $1 workspace. Arrays: $2 customers whose rows are deleted, $3 numbers of that. Lanes that do not know the rows yet may have
-- written for them.
INSERT INTO erasures AS e (workspace_id, customer_id, number)
SELECT $1, customer_id, number FROM unnest($2::text[], $3::bigint[]) AS s (customer_id, number)
ON CONFLICT (workspace_id, customer_id) DO UPDATE SET number = greatest(e.number, excluded.number);

-- name: untold
-- $1 workspace, $2 customers. Their lanes are not told of the deletion by us, and will not say that they know.
DELETE FROM erasures WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: erase_runs
-- $1 workspace, $2 the customer and its aliases.
DELETE FROM runs WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: erase_decisions
-- $1 workspace, $2 the customer and its aliases.
DELETE FROM decisions WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: erase_messages
-- $1 workspace, $2 the customer and its aliases.
DELETE FROM messages WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: erase_segments
-- $1 workspace, $2 the customer and its aliases.
DELETE FROM segment_customers WHERE workspace_id = $1 AND customer_id = ANY($2);

-- name: erase_samples
-- $1 workspace, $2 the customer and its aliases.
UPDATE census_counts SET sample = (
    SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(sample) AS one WHERE one ->> 'id' <> ALL($2::text[])
)
WHERE workspace_id = $1 AND EXISTS (
    SELECT FROM jsonb_array_elements(sample) AS one WHERE one ->> 'id' = ANY($2::text[])
);

-- name: segments
-- $1 workspace, $2 customer. Those that there are, the one entered last first.
SELECT m.segment, coalesce(v.body->>'name', m.segment) AS name, m.since
FROM segment_customers m
JOIN definitions d ON d.workspace_id = m.workspace_id AND d.kind = 'segment' AND d.id = m.segment AND NOT d.deleted
JOIN definition_versions v
    ON v.workspace_id = d.workspace_id AND v.kind = d.kind AND v.id = d.id AND v.version = d.live_version
WHERE m.workspace_id = $1 AND m.customer_id = $2 AND m.member
ORDER BY m.since DESC, m.segment;

-- name: attribute_names
-- $1 workspace. Names that the newest customers have: enough to spot a name that nobody has.
SELECT DISTINCT jsonb_object_keys(attributes) AS name
FROM (SELECT attributes FROM customers WHERE workspace_id = $1 ORDER BY created_ms DESC LIMIT 1000) AS newest;
