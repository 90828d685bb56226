-- The outbox of definitions, as the control agent reads it (A9). One agent at a time: who holds the lock.

-- name: lock
-- $1 key. Held by the session; gone with its connection.
SELECT pg_try_advisory_lock($1);

-- name: unnumbered
-- $1 most rows. `known`: the row brings its version's body, or an accepted row before it did.
SELECT outbox_id, workspace_id, kind, id, version, status, body,
    (extract(epoch FROM created_at) * 1000)::bigint AS at, control_seq,
    body IS NOT NULL OR EXISTS (
        SELECT FROM control_outbox b
        WHERE b.workspace_id = o.workspace_id AND b.kind = o.kind AND b.id = o.id AND b.version = o.version
            AND b.body IS NOT NULL AND b.control_seq IS NOT NULL
    ) AS known, share
FROM control_outbox o
WHERE control_seq IS NULL AND sent_at IS NULL AND error IS NULL
ORDER BY outbox_id
LIMIT $1;

-- name: number
-- $1 rows in order. Numbers have no holes: what is refused gets none.
WITH last AS (
    SELECT coalesce(max(control_seq), 0) AS seq FROM control_outbox
)
UPDATE control_outbox o SET control_seq = last.seq + s.place
FROM unnest($1::bigint[]) WITH ORDINALITY AS s (outbox_id, place), last
WHERE o.outbox_id = s.outbox_id;

-- name: refuse
-- Arrays: $1 rows, $2 errors.
UPDATE control_outbox o SET error = s.error
FROM unnest($1::bigint[], $2::text[]) AS s (outbox_id, error)
WHERE o.outbox_id = s.outbox_id;

-- name: unsent
-- $1 most rows. In the order of their numbers; after a crash some of them may be in Kafka already.
SELECT outbox_id, workspace_id, kind, id, version, status, body,
    (extract(epoch FROM created_at) * 1000)::bigint AS at, control_seq, true AS known, share
FROM control_outbox
WHERE control_seq IS NOT NULL AND sent_at IS NULL AND error IS NULL
ORDER BY control_seq
LIMIT $1;

-- name: sent
-- $1 rows.
UPDATE control_outbox SET sent_at = clock_timestamp() WHERE outbox_id = ANY ($1::bigint[]);
