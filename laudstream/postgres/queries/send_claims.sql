-- Claims of the senders (A21). Every statement is told what time it is, so that tests can say when a lease is over.
--
-- claimed       owner and next_try_at say who may hand it over, and from when on anybody may
-- handing_over  it is on the wire or about to be; from next_try_at (= lease_until) on nobody knows what became of it
-- else          it has an outcome; published_at says that Kafka has it

-- name: position
-- $1 topic, $2 partition, $3 channel.
SELECT next_offset FROM stream_positions WHERE stream = 'senders:' || $3::text AND topic = $1 AND partition = $2;

-- name: move_positions
-- Arrays: $1 topics, $2 partitions, $3 expected, $4 next; $5 channel. No row where somebody else moved it.
UPDATE stream_positions AS p SET next_offset = r.next
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS r (topic, partition, expected, next)
WHERE p.stream = 'senders:' || $5::text AND p.topic = r.topic AND p.partition = r.partition AND p.next_offset = r.expected
RETURNING p.next_offset;

-- name: first_positions
-- Arrays: $1 topics, $2 partitions, $3 not used, $4 next; $5 channel. No row where somebody else was first.
INSERT INTO stream_positions (stream, topic, partition, next_offset)
SELECT 'senders:' || $5::text, r.topic, r.partition, r.next
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS r (topic, partition, expected, next)
ON CONFLICT DO NOTHING
RETURNING next_offset;

-- name: claim
-- $1 workspaces, $2 send ids, $3 classes, $4 bodies, $5 channel, $6 owner, $7 lease until, $8 now.
-- Returns those that nobody had claimed before, and why each is refused.
INSERT INTO send_claims AS c (workspace_id, send_id, channel, message_class, state, owner, lease_until, next_try_at,
    body, claimed_at, updated_at)
SELECT r.workspace_id, r.send_id, $5, r.message_class, 'claimed', $6, $7, $7, r.body::jsonb, $8, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS r (workspace_id, send_id, message_class, body)
ON CONFLICT DO NOTHING
RETURNING c.workspace_id, c.send_id, send_refusal(c.body, $8) AS refusal;

-- name: publish_again
-- $1 workspaces, $2 send ids. Requests that were read once more although they have an outcome.
UPDATE send_claims AS c SET published_at = NULL
FROM unnest($1::text[], $2::text[]) AS r (workspace_id, send_id)
WHERE c.workspace_id = r.workspace_id AND c.send_id = r.send_id AND c.outcome IS NOT NULL;

-- name: hand_over
-- $1 workspaces, $2 send ids, $3 owner, $4 lease until, $5 now.
-- Those that are still the owner's, and why each is refused; the others are being handed over from now on.
-- A caller that never learnt that this was done asks again: nothing of it is on the wire.
WITH mine AS (
    SELECT c.workspace_id, c.send_id, send_refusal(c.body, $5) AS refusal
    FROM unnest($1::text[], $2::text[]) AS r (workspace_id, send_id)
    JOIN send_claims AS c ON c.workspace_id = r.workspace_id AND c.send_id = r.send_id
    WHERE c.state IN ('claimed', 'handing_over') AND c.owner = $3
    FOR UPDATE OF c
), moved AS (
    UPDATE send_claims AS c
    SET state = 'handing_over', lease_until = $4, next_try_at = $4, tries = c.tries + 1, updated_at = $5
    FROM mine
    WHERE c.workspace_id = mine.workspace_id AND c.send_id = mine.send_id AND mine.refusal = ''
)
SELECT workspace_id, send_id, refusal FROM mine;

-- name: settle
-- $1 workspaces, $2 send ids, $3 states, $4 deliveries, $5 owner (NULL: whoever's it is), $6 now.
-- An answer that comes after all replaces `unknown`. Returns those that were open. The request has done its work: what
-- it knows of the customer goes.
UPDATE send_claims AS c
SET state = r.state, outcome = r.outcome::jsonb, body = '{}', lease_until = NULL, next_try_at = NULL, published_at = NULL,
    updated_at = $6
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS r (workspace_id, send_id, state, outcome)
WHERE c.workspace_id = r.workspace_id AND c.send_id = r.send_id
    AND c.state IN ('claimed', 'handing_over', 'unknown') AND ($5::text IS NULL OR c.owner = $5)
RETURNING c.workspace_id, c.send_id;

-- name: park
-- $1 workspaces, $2 send ids, $3 when to try again, $4 owner, $5 now. Nothing of them has left.
UPDATE send_claims AS c
SET state = 'claimed', owner = NULL, lease_until = NULL, next_try_at = r.next_try_at, updated_at = $5
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS r (workspace_id, send_id, next_try_at)
WHERE c.workspace_id = r.workspace_id AND c.send_id = r.send_id
    AND c.state IN ('claimed', 'handing_over') AND c.owner = $4;

-- name: release
-- $1 channel, $2 owner, $3 now. A sender that stops gives back what it holds.
UPDATE send_claims SET owner = NULL, lease_until = NULL, next_try_at = $3, updated_at = $3
WHERE channel = $1 AND state = 'claimed' AND state IN ('claimed', 'handing_over') AND owner = $2;

-- name: take
-- $1 channel, $2 transactional?, $3 owner, $4 lease until, $5 now, $6 at most.
-- Parked ones that are due, and those of senders that are gone.
WITH due AS (
    SELECT workspace_id, send_id FROM send_claims
    WHERE channel = $1 AND state IN ('claimed', 'handing_over') AND state = 'claimed' AND next_try_at <= $5
        AND (message_class = 'transactional') = $2
    ORDER BY next_try_at LIMIT $6
    FOR UPDATE SKIP LOCKED
)
UPDATE send_claims AS c SET owner = $3, lease_until = $4, next_try_at = $4, updated_at = $5
FROM due
WHERE c.workspace_id = due.workspace_id AND c.send_id = due.send_id
RETURNING c.body::text AS body, c.tries;

-- name: lost
-- $1 channel, $2 now, $3 at most, $4 send ids on this sender's own wire.
-- Handed over by a sender that never said what became of it.
SELECT workspace_id, send_id, body::text AS body, tries FROM send_claims
WHERE channel = $1 AND state IN ('claimed', 'handing_over') AND state = 'handing_over' AND next_try_at <= $2
    AND send_id <> ALL ($4::text[])
ORDER BY next_try_at LIMIT $3
FOR UPDATE SKIP LOCKED;

-- name: reclaim
-- $1 workspaces, $2 send ids, $3 owner, $4 lease until, $5 now. Lost ones that may be sent twice.
UPDATE send_claims AS c
SET state = 'claimed', owner = $3, lease_until = $4, next_try_at = $4, updated_at = $5
FROM unnest($1::text[], $2::text[]) AS r (workspace_id, send_id)
WHERE c.workspace_id = r.workspace_id AND c.send_id = r.send_id AND c.state = 'handing_over';

-- name: published
-- $1 workspaces, $2 send ids, $3 delivery ids, $4 now. Kafka has these deliveries.
UPDATE send_claims AS c SET published_at = $4
FROM unnest($1::text[], $2::text[], $3::text[]) AS r (workspace_id, send_id, delivery_id)
WHERE c.workspace_id = r.workspace_id AND c.send_id = r.send_id AND c.outcome->>'id' = r.delivery_id;

-- name: unpublished
-- $1 channel, $2 settled before, $3 at most.
SELECT outcome::text AS outcome FROM send_claims
WHERE outcome IS NOT NULL AND published_at IS NULL AND updated_at < $2 AND channel = $1
ORDER BY updated_at LIMIT $3;

-- name: dead_letter
-- $1 topic, $2 partition, $3 offset, $4 workspace, $5 error.
INSERT INTO dead_letters (topic, partition, record_offset, workspace_id, error) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: forget
-- $1 days, $2 most rows. No request is read again that long after.
DELETE FROM send_claims WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM send_claims WHERE published_at IS NOT NULL AND updated_at < now() - make_interval(days => $1) LIMIT $2
));
