-- Orders that raise a number of all lanes (A14).

-- name: order
-- $1 which (core_level, state_format), $2 number. The order that waits already, if there is one, or a new one.
WITH there AS (
    SELECT outbox_id FROM control_outbox
    WHERE kind = 'level' AND id = $1 AND version = $2 AND sent_at IS NULL AND error IS NULL
    ORDER BY outbox_id
    LIMIT 1
), made AS (
    INSERT INTO control_outbox (workspace_id, kind, id, version, status)
    SELECT '', 'level', $1, $2, 'live'
    WHERE NOT EXISTS (SELECT FROM there)
    RETURNING outbox_id
)
SELECT outbox_id FROM there UNION ALL SELECT outbox_id FROM made;

-- name: number
-- $1 which (state_format). How far all lanes are, for those who do not see them.
SELECT number FROM levels WHERE name = $1;

-- name: raise
-- $1 number of the state format that all lanes have. Nothing lowers it. Where customers are merged from now on (3), no part
-- of the release before makes rows any more.
UPDATE levels SET number = CASE name WHEN 'state_format' THEN $1::bigint ELSE nextval('row_revision') END
WHERE name = 'state_format' AND number < $1
    OR name = 'known_by_attributes' AND (SELECT number FROM levels WHERE name = 'state_format') < 3 AND $1 >= 3;

-- name: state
-- $1 orders. What became of them.
SELECT outbox_id, sent_at IS NOT NULL AS sent, error FROM control_outbox WHERE outbox_id = ANY ($1::bigint[]) ORDER BY 1;
