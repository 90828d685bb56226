-- Customers from a file: staged without row-level security, then merged (COPY cannot go into `customers` itself).

-- name: stage
CREATE TEMPORARY TABLE IF NOT EXISTS customer_staging (
    customer_id text PRIMARY KEY,
    attributes jsonb NOT NULL
) ON COMMIT DELETE ROWS;

-- name: merge
-- $1 workspace. In the order of the ids, so that two imports cannot deadlock. Rows that would not change are not touched.
WITH merged AS (
    INSERT INTO customers (workspace_id, customer_id, attributes, known)
    SELECT $1, customer_id, attributes, true FROM customer_staging ORDER BY customer_id
    ON CONFLICT (workspace_id, customer_id) DO UPDATE
        SET attributes = customers.attributes || excluded.attributes, known = true
        WHERE customers.attributes || excluded.attributes <> customers.attributes OR NOT is_known(customers)
    RETURNING born = revision AS created
)
SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS changed FROM merged;

-- name: aliases_written
-- $1 workspace. Behind `merge`: whether a row was made under an id that a merge made an alias of another meanwhile.
SELECT EXISTS (
    SELECT FROM customer_staging s
    JOIN identities i ON i.workspace_id = $1 AND i.alias = s.customer_id
);

-- name: compare
-- $1 workspace. What `merge` would do.
SELECT count(*) FILTER (WHERE c.customer_id IS NULL) AS created,
    count(*) FILTER (WHERE c.attributes || s.attributes <> c.attributes OR NOT is_known(c)) AS changed
FROM customer_staging s
LEFT JOIN customers c ON c.workspace_id = $1 AND c.customer_id = s.customer_id;

-- name: workspaces
SELECT workspace_id FROM workspaces ORDER BY created_at, workspace_id;
