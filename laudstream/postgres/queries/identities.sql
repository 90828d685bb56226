-- Ids that are aliases of customers by now (A18).

-- name: standing
-- $1 workspace. How far all lanes are, and whether anybody was merged.
SELECT (SELECT number FROM levels WHERE name = 'state_format') AS state_format,
    EXISTS (SELECT FROM identities WHERE workspace_id = $1) AS merged;

-- name: roots
-- $1 workspace, $2 ids. Those that are aliases.
SELECT alias, root FROM identities WHERE workspace_id = $1 AND alias = ANY($2);

-- name: newcomers
-- $1 workspace, $2 ids. The root of each that is an alias, and whether it is a known customer.
SELECT s.id, i.root, coalesce(is_known(c), false) AS known
FROM unnest($2::text[]) AS s (id)
LEFT JOIN identities i ON i.workspace_id = $1 AND i.alias = s.id
LEFT JOIN customers c ON c.workspace_id = $1 AND c.customer_id = s.id;

-- name: merge
-- $1 workspace, $2 source, $3 target, $4 how (identify, alias, asked).
SELECT kept, gone, outcome FROM merge_customers($1, $2, $3, $4);

-- name: locked_root
-- $1 workspace, $2 id. No merge changes it before the transaction ends.
SELECT locked_root($1, $2);

-- name: root
-- $1 workspace, $2 id.
SELECT root_of($1, $2);

-- name: aliases
-- $1 workspace, $2 customer, $3 at most. The last merged first.
SELECT alias, revision FROM identities WHERE workspace_id = $1 AND root = $2 ORDER BY revision DESC LIMIT $3;
