-- Groups and their members (A18). Locks are taken in one order: groups, their changes, customers, members, each by id. Who
-- brings in a member holds the group, so traits change before that or after it and nobody is missed.

-- name: share
-- $1 workspace, arrays: $2 groups, $3 traits that come with them. Holds the groups as they are; `same`: these traits
-- change nothing.
SELECT g.group_id, NOT g.deleted AND g.traits || s.traits = g.traits AS same
FROM groups g
JOIN unnest($2::text[], $3::jsonb[]) AS s (group_id, traits) USING (group_id)
WHERE g.workspace_id = $1
ORDER BY g.group_id
FOR SHARE OF g;

-- name: put
-- $1 workspace, arrays: $2 groups, $3 traits to merge into theirs. Holds all of them. A group that is deleted begins anew.
WITH changed AS (
    INSERT INTO groups AS g (workspace_id, group_id, traits, revision, born)
    SELECT $1, group_id, traits, revision, revision
    FROM (
        SELECT group_id, traits, nextval('row_revision') AS revision
        FROM (SELECT * FROM unnest($2::text[], $3::jsonb[]) AS s (group_id, traits) ORDER BY group_id) AS sorted
    ) AS numbered
    ON CONFLICT (workspace_id, group_id) DO UPDATE SET
        traits = CASE WHEN g.deleted THEN excluded.traits ELSE g.traits || excluded.traits END,
        revision = nextval('row_revision'),
        deleted = false,
        updated_at = clock_timestamp()
    WHERE g.deleted OR g.traits || excluded.traits <> g.traits
    RETURNING workspace_id, group_id, revision, born
)
INSERT INTO group_changes (workspace_id, group_id, revision)
SELECT workspace_id, group_id, revision FROM changed WHERE revision <> born ORDER BY group_id
ON CONFLICT (workspace_id, group_id) DO UPDATE SET revision = excluded.revision;

-- name: join
-- $1 workspace, arrays: $2 customers, each once, $3 their groups, which are held. A row that says so already is locked and
-- not written.
INSERT INTO customers (workspace_id, customer_id, attributes)
SELECT $1, s.customer_id, jsonb_build_object('group', g.traits || jsonb_build_object('id', g.group_id))
FROM unnest($2::text[], $3::text[]) AS s (customer_id, group_id)
JOIN groups g ON g.workspace_id = $1 AND g.group_id = s.group_id
ORDER BY s.customer_id
ON CONFLICT (workspace_id, customer_id) DO UPDATE SET attributes = customers.attributes || excluded.attributes
WHERE customers.attributes -> 'group' IS DISTINCT FROM excluded.attributes -> 'group';

-- name: belong
-- $1 workspace, arrays: $2 customers, $3 their groups. After `join`, which has put the traits into the rows.
INSERT INTO group_members AS m (workspace_id, customer_id, group_id, joined, seen)
SELECT $1, s.customer_id, g.group_id, g.revision, g.revision
FROM unnest($2::text[], $3::text[]) AS s (customer_id, group_id)
JOIN groups g ON g.workspace_id = $1 AND g.group_id = s.group_id
ORDER BY s.customer_id
ON CONFLICT (workspace_id, customer_id) DO UPDATE SET
    group_id = excluded.group_id,
    joined = excluded.joined,
    seen = excluded.seen,
    too_large = false,
    since = CASE WHEN m.group_id = excluded.group_id THEN m.since ELSE excluded.since END
WHERE m.group_id <> excluded.group_id OR m.seen <> excluded.seen OR m.too_large;

-- name: page
-- $1 workspace, $2 group after which to go on (NULL: from the first), $3 rows, $4 pattern of the beginning of an id or
-- name (lower case; NULL: all), $5 members of a group that are counted at most (a page of large ones has to be quick). By id.
WITH page AS MATERIALIZED (
    SELECT group_id, traits, created_at, updated_at, born, revision
    FROM groups
    WHERE workspace_id = $1 AND NOT deleted AND ($2::text IS NULL OR group_id > $2)
        AND ($4::text IS NULL OR lower(group_id) LIKE $4 OR lower(traits ->> 'name') LIKE $4)
    ORDER BY group_id
    LIMIT $3
)
SELECT p.group_id, p.traits, p.created_at, p.updated_at, m.members, b.behind
FROM page p
CROSS JOIN LATERAL (
    SELECT count(*) AS members
    FROM (
        SELECT FROM group_members
        WHERE workspace_id = $1 AND group_id = p.group_id AND joined >= p.born
        LIMIT $5
    ) AS counted
) AS m
CROSS JOIN LATERAL (
    SELECT count(*) AS behind
    FROM (
        SELECT FROM group_members
        WHERE workspace_id = $1 AND group_id = p.group_id AND joined >= p.born AND seen < p.revision
        LIMIT $5
    ) AS counted
) AS b
ORDER BY p.group_id;

-- name: one
-- $1 workspace, $2 group.
SELECT g.traits, g.created_at, g.updated_at, m.*
FROM groups g
CROSS JOIN LATERAL (
    SELECT count(*) AS members, count(*) FILTER (WHERE seen < g.revision) AS behind, count(*) FILTER (WHERE too_large) AS too_large
    FROM group_members
    WHERE workspace_id = g.workspace_id AND group_id = g.group_id AND joined >= g.born
) AS m
WHERE g.workspace_id = $1 AND g.group_id = $2 AND NOT g.deleted;

-- name: members
-- $1 workspace, $2 group, $3 customer after whom to go on (NULL: from the first), $4 rows. By id.
SELECT m.customer_id, m.since, m.too_large, jsonb_build_object('email', c.attributes -> 'email') AS attributes
FROM group_members m
JOIN groups g USING (workspace_id, group_id)
JOIN customers c USING (workspace_id, customer_id)
WHERE m.workspace_id = $1 AND m.group_id = $2 AND m.joined >= g.born AND ($3::text IS NULL OR m.customer_id > $3)
ORDER BY m.customer_id
LIMIT $4;

-- name: of_customer
-- $1 workspace, $2 customer. The group that the customer is in; no row: none.
SELECT m.group_id, m.since, m.too_large, m.seen < g.revision AS behind
FROM group_members m
JOIN groups g USING (workspace_id, group_id)
WHERE m.workspace_id = $1 AND m.customer_id = $2 AND m.joined >= g.born AND NOT g.deleted;

-- name: lock
-- $1 workspace, $2 group.
SELECT group_id FROM groups WHERE workspace_id = $1 AND group_id = $2 AND NOT deleted FOR UPDATE;

-- name: delete
-- $1 workspace, $2 group, which is locked. The traits go now, from the members' rows in slices; then the group itself.
WITH deleted AS (
    UPDATE groups SET traits = '{}', deleted = true, revision = n, born = n, updated_at = clock_timestamp()
    FROM nextval('row_revision') AS n
    WHERE workspace_id = $1 AND group_id = $2
    RETURNING revision
)
INSERT INTO group_changes (workspace_id, group_id, revision)
SELECT $1, $2, revision FROM deleted
ON CONFLICT (workspace_id, group_id) DO UPDATE SET revision = excluded.revision;

-- name: changes
-- $1 most. The longest behind first; held, so that they stay what they are until the transaction ends.
SELECT workspace_id, group_id FROM group_changes ORDER BY revision LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: settle
-- Arrays: $1 workspaces, $2 groups, whose changes are held. Those with nobody behind are done, and gone if they are
-- deleted. Gives the others. It waits for nobody.
WITH open AS (
    SELECT c.workspace_id, c.group_id, c.revision, EXISTS (
        SELECT FROM group_members m
        WHERE m.workspace_id = c.workspace_id AND m.group_id = c.group_id AND m.seen < c.revision
    ) AS behind
    FROM unnest($1::text[], $2::text[]) AS s (workspace_id, group_id)
    JOIN group_changes c USING (workspace_id, group_id)
), dead AS (
    SELECT g.workspace_id, g.group_id
    FROM groups g
    JOIN open o USING (workspace_id, group_id)
    WHERE g.deleted AND NOT o.behind
    FOR UPDATE OF g SKIP LOCKED
), gone AS (
    DELETE FROM groups g USING dead d WHERE g.workspace_id = d.workspace_id AND g.group_id = d.group_id
    RETURNING g.workspace_id, g.group_id
), done AS (
    DELETE FROM group_changes c USING open o
    WHERE c.workspace_id = o.workspace_id AND c.group_id = o.group_id AND NOT o.behind AND (
        (c.workspace_id, c.group_id) IN (SELECT workspace_id, group_id FROM gone) OR EXISTS (
            SELECT FROM groups g WHERE g.workspace_id = c.workspace_id AND g.group_id = c.group_id AND NOT g.deleted
        )
    )
)
SELECT workspace_id, group_id, revision FROM open WHERE behind;

-- name: catch_up
-- $1 workspace, $2 group, $3 a revision of it, $4 most members. Puts the traits into the rows of members who are behind
-- that; who joined before the group was deleted leaves it. Traits may be newer by now: then it comes again, for those
-- only who have not seen them. It waits for nobody: a row that is in use comes later.
WITH behind AS (
    SELECT m.customer_id, m.joined, c.attributes
    FROM group_members m
    JOIN customers c USING (workspace_id, customer_id)
    WHERE m.workspace_id = $1 AND m.group_id = $2 AND m.seen < $3
    ORDER BY m.seen, m.customer_id
    LIMIT $4
    FOR NO KEY UPDATE OF c, m SKIP LOCKED
), wanted AS (
    SELECT b.customer_id, b.attributes AS present, b.joined < g.born AS leaves,
        CASE WHEN b.joined < g.born THEN b.attributes - 'group'
            ELSE b.attributes || jsonb_build_object('group', g.traits || jsonb_build_object('id', g.group_id))
        END AS attributes
    FROM behind b
    JOIN groups g ON g.workspace_id = $1 AND g.group_id = $2
), judged AS MATERIALIZED (
    SELECT *, attributes <> present AS changes, attributes = present OR attributes_fit(attributes) AS fits FROM wanted
), written AS (
    UPDATE customers c SET attributes = j.attributes FROM judged j
    WHERE c.workspace_id = $1 AND c.customer_id = j.customer_id AND j.changes AND j.fits
), kept AS (
    UPDATE group_members m SET seen = $3, too_large = NOT j.fits FROM judged j
    WHERE m.workspace_id = $1 AND m.customer_id = j.customer_id AND NOT j.leaves
), gone AS (
    DELETE FROM group_members m USING judged j
    WHERE m.workspace_id = $1 AND m.customer_id = j.customer_id AND j.leaves
)
SELECT count(*) AS looked_at, count(*) FILTER (WHERE changes AND fits) AS written,
    coalesce(array_agg(customer_id) FILTER (WHERE NOT fits), '{}') AS too_large
FROM judged;
