-- What the projector writes (A23). Rows come as arrays, one a column; their times are ms. They are merged in the order
-- of their keys, so that two projectors cannot deadlock.
--
-- What lanes decided for a customer before they heard that it was merged goes under its root (A18). (A subquery and not a
-- join: it is an index look-up whatever the planner believes.)

-- name: position
-- $1 topic, $2 partition.
SELECT next_offset FROM stream_positions WHERE stream = 'projector' AND topic = $1 AND partition = $2;

-- name: start
-- Arrays: $1 topics, $2 partitions, $3 next offsets. Gives no row where there is a position already.
-- The position is lost together with the rows or not at all, so a commit need not wait for the disk.
INSERT INTO stream_positions (stream, topic, partition, next_offset)
SELECT 'projector', s.* FROM unnest($1::text[], $2::int[], $3::bigint[]) AS s (topic, partition, next_offset)
ON CONFLICT DO NOTHING
RETURNING set_config('synchronous_commit', 'off', true);

-- name: move
-- Arrays: $1 topics, $2 partitions, $3 next offsets, $4 the positions as we know them. Gives no row for another one.
UPDATE stream_positions AS p SET next_offset = s.next_offset
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) AS s (topic, partition, next_offset, expected)
WHERE p.stream = 'projector' AND p.topic = s.topic AND p.partition = s.partition AND p.next_offset = s.expected
RETURNING set_config('synchronous_commit', 'off', true);

-- name: erase
-- Arrays: $1 workspaces, $2 customers who were deleted.
WITH gone AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS s (workspace_id, customer_id)
), erased_decisions AS (
    DELETE FROM decisions d USING gone g WHERE d.workspace_id = g.workspace_id AND d.customer_id = g.customer_id
), erased_runs AS (
    DELETE FROM runs r USING gone g WHERE r.workspace_id = g.workspace_id AND r.customer_id = g.customer_id
), erased_segments AS (
    DELETE FROM segment_customers m USING gone g
    WHERE m.workspace_id = g.workspace_id AND m.customer_id = g.customer_id
), erased_samples AS (
    UPDATE census_counts c SET sample = (
        SELECT coalesce(jsonb_agg(one), '[]')
        FROM jsonb_array_elements(c.sample) AS one
        WHERE NOT EXISTS (
            SELECT FROM gone g WHERE g.workspace_id = c.workspace_id AND g.customer_id = one ->> 'id'
        )
    )
    WHERE EXISTS (
        SELECT FROM gone g
        WHERE g.workspace_id = c.workspace_id
            AND c.sample @> jsonb_build_array(jsonb_build_object('id', g.customer_id))
    )
)
DELETE FROM messages m USING gone g WHERE m.workspace_id = g.workspace_id AND m.customer_id = g.customer_id;

-- name: merge_decisions
-- Arrays: the fields of TimelineRow.
INSERT INTO decisions (
    workspace_id, customer_id, n, decision_id, at, kind, journey_id, version, run_id, step, reason, body)
SELECT workspace_id, coalesce((
        SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id
    ), s.customer_id), n, decision_id, to_timestamp(at / 1000::float8), kind, journey_id, version, run_id, step, reason, body
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::int[],
    $9::text[], $10::text[], $11::text[], $12::jsonb[])
    AS s (workspace_id, customer_id, n, decision_id, at, kind, journey_id, version, run_id, step, reason, body)
ON CONFLICT DO NOTHING;

-- name: merge_runs
-- Arrays: the fields of RunRow. The greater last_n says where the run is, and whose: numbers go on over a merge.
INSERT INTO runs AS r (
    workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at, ended_at, outcome, reason, arms,
    last_n)
SELECT workspace_id, run_id, coalesce((
        SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id
    ), s.customer_id), journey_id, version, step, to_timestamp(entered_at / 1000::float8),
    to_timestamp(moved_at / 1000::float8), to_timestamp(ended_at / 1000::float8), outcome, reason, arms, last_n
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::text[], $11::text[], $12::jsonb[], $13::bigint[])
    AS s (workspace_id, run_id, customer_id, journey_id, version, step, entered_at, moved_at, ended_at, outcome, reason,
        arms, last_n)
ORDER BY workspace_id, run_id
ON CONFLICT (workspace_id, run_id) DO UPDATE SET
    customer_id = CASE WHEN excluded.last_n > r.last_n THEN excluded.customer_id ELSE r.customer_id END,
    entered_at = least(r.entered_at, excluded.entered_at),
    arms = CASE WHEN excluded.last_n > r.last_n THEN r.arms || excluded.arms ELSE excluded.arms || r.arms END,
    version = CASE WHEN excluded.last_n > r.last_n THEN excluded.version ELSE r.version END,
    step = CASE WHEN excluded.last_n > r.last_n THEN excluded.step ELSE r.step END,
    moved_at = CASE WHEN excluded.last_n > r.last_n THEN excluded.moved_at ELSE r.moved_at END,
    ended_at = CASE WHEN excluded.last_n > r.last_n THEN excluded.ended_at ELSE r.ended_at END,
    outcome = CASE WHEN excluded.last_n > r.last_n THEN excluded.outcome ELSE r.outcome END,
    reason = CASE WHEN excluded.last_n > r.last_n THEN excluded.reason ELSE r.reason END,
    last_n = greatest(r.last_n, excluded.last_n);

-- name: merge_segments
-- Arrays: the fields of SegmentRow. The greater last_n tells. The segments of an alias say nothing of its root, whose lane
-- judges anew.
INSERT INTO segment_customers AS m (workspace_id, segment, customer_id, member, since, last_n)
SELECT workspace_id, segment, customer_id, member, to_timestamp(since / 1000::float8), last_n
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[])
    AS s (workspace_id, segment, customer_id, member, since, last_n)
WHERE (SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id) IS NULL
ORDER BY workspace_id, segment, customer_id
ON CONFLICT (workspace_id, segment, customer_id) DO UPDATE SET
    member = excluded.member, since = excluded.since, last_n = excluded.last_n
WHERE m.last_n < excluded.last_n;

-- name: merge_messages
-- Arrays: the fields of MessageRow. The greater rank is the status; within a rank, what happened first. What a decision
-- does not tell, a delivery does.
INSERT INTO messages AS m (
    workspace_id, send_id, customer_id, channel, message_class, journey_id, version, run_id, step, template_id,
    template_version, status, status_rank, reason, requested_at, sent_at, status_at, kinds)
SELECT workspace_id, send_id, coalesce((
        SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id
    ), s.customer_id), channel, message_class, journey_id, version, run_id, step, template_id,
    template_version, status, status_rank, reason, to_timestamp(requested_at / 1000::float8),
    to_timestamp(sent_at / 1000::float8), to_timestamp(status_at / 1000::float8), kinds
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[],
    $10::text[], $11::int[], $12::text[], $13::int[], $14::text[], $15::bigint[], $16::bigint[], $17::bigint[], $18::int[])
    AS s (workspace_id, send_id, customer_id, channel, message_class, journey_id, version, run_id, step, template_id,
        template_version, status, status_rank, reason, requested_at, sent_at, status_at, kinds)
ORDER BY workspace_id, send_id
ON CONFLICT (workspace_id, send_id) DO UPDATE SET
    channel = coalesce(nullif(m.channel, ''), excluded.channel),
    message_class = coalesce(nullif(m.message_class, ''), excluded.message_class),
    template_id = coalesce(nullif(m.template_id, ''), excluded.template_id),
    template_version = coalesce(nullif(m.template_version, 0), excluded.template_version),
    status = CASE WHEN (excluded.status_rank, m.status_at) > (m.status_rank, excluded.status_at)
        THEN excluded.status ELSE m.status END,
    reason = CASE WHEN (excluded.status_rank, m.status_at) > (m.status_rank, excluded.status_at)
        THEN excluded.reason ELSE m.reason END,
    status_at = CASE WHEN (excluded.status_rank, m.status_at) > (m.status_rank, excluded.status_at)
        THEN excluded.status_at ELSE m.status_at END,
    status_rank = greatest(m.status_rank, excluded.status_rank),
    requested_at = least(m.requested_at, excluded.requested_at),
    sent_at = least(m.sent_at, excluded.sent_at),
    kinds = m.kinds | excluded.kinds;

-- name: lives_over
-- Arrays: the fields of LifeRow. Messages of customers who were deleted since (R15): nothing of them is kept. A life that was
-- merged goes on while its root is there; with the root its aliases go. (Subqueries and not joins: they are index look-ups
-- whatever the planner believes.)
SELECT s.workspace_id, s.send_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS s (workspace_id, send_id, customer_id, born)
WHERE (
    SELECT c.born FROM customers c WHERE c.workspace_id = s.workspace_id AND c.customer_id = s.customer_id
) IS DISTINCT FROM s.born AND (
    SELECT i.born FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id
) IS DISTINCT FROM s.born;

-- name: follow_merges
-- Arrays: $1 workspaces, $2 aliases. What was written under an alias while it was merged goes under the root: the merge
-- itself has moved what it saw. A decision that stands under both goes away under one.
WITH merged AS MATERIALIZED (
    SELECT s.workspace_id, s.alias, (
        SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.alias
    ) AS root
    FROM unnest($1::text[], $2::text[]) AS s (workspace_id, alias)
), taken AS (
    DELETE FROM decisions d USING merged m
    WHERE d.workspace_id = m.workspace_id AND d.customer_id = m.alias AND m.root IS NOT NULL
    RETURNING d.*, m.root
), moved_decisions AS (
    INSERT INTO decisions (
        workspace_id, customer_id, n, decision_id, at, kind, journey_id, version, run_id, step, reason, body)
    SELECT workspace_id, root, n, decision_id, at, kind, journey_id, version, run_id, step, reason, body FROM taken
    ON CONFLICT DO NOTHING
), moved_runs AS (
    UPDATE runs r SET customer_id = m.root FROM merged m
    WHERE r.workspace_id = m.workspace_id AND r.customer_id = m.alias AND m.root IS NOT NULL
), moved_messages AS (
    UPDATE messages o SET customer_id = m.root FROM merged m
    WHERE o.workspace_id = m.workspace_id AND o.customer_id = m.alias AND m.root IS NOT NULL
)
DELETE FROM segment_customers c USING merged m
WHERE c.workspace_id = m.workspace_id AND c.customer_id = m.alias AND m.root IS NOT NULL;

-- name: erase_ownerless
-- Arrays: the fields of MergedRow, of sources. Their root was deleted in the meantime, and its aliases with it (R15): what
-- their lane had decided up to the merge goes away too, and what came under the id anew since stays.
WITH gone AS (
    SELECT s.workspace_id, s.alias, to_timestamp(s.at / 1000::float8) AS at, to_timestamp(s.clock / 1000::float8) AS clock
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS s (workspace_id, alias, at, clock)
    WHERE (SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.alias) IS NULL
), erased_decisions AS (
    DELETE FROM decisions d USING gone g
    WHERE d.workspace_id = g.workspace_id AND d.customer_id = g.alias AND d.at <= g.at
), erased_runs AS (
    DELETE FROM runs r USING gone g
    WHERE r.workspace_id = g.workspace_id AND r.customer_id = g.alias AND r.entered_at <= g.at
), erased_segments AS (
    DELETE FROM segment_customers c USING gone g
    WHERE c.workspace_id = g.workspace_id AND c.customer_id = g.alias AND c.since <= g.at
)
DELETE FROM messages m USING gone g
WHERE m.workspace_id = g.workspace_id AND m.customer_id = g.alias AND coalesce(m.requested_at, m.status_at) <= g.clock;

-- name: count_marks
-- Arrays: $1 partitions, then the fields of MarkRow. Before the messages are merged: counts the kinds of deliveries that
-- a message has not seen yet. (A subquery and not a join: it is an index look-up whatever the planner believes.)
INSERT INTO step_counts AS c (workspace_id, journey_id, version, step, counter, partition, amount)
SELECT s.workspace_id, s.journey_id, s.version, s.step, s.counter, s.partition, count(*)
FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::text[], $6::int[], $7::text[], $8::text[])
    AS s (partition, workspace_id, send_id, kind, journey_id, version, step, counter)
WHERE coalesce((
    SELECT m.kinds FROM messages m WHERE m.workspace_id = s.workspace_id AND m.send_id = s.send_id
), 0) & s.kind = 0
GROUP BY s.workspace_id, s.journey_id, s.version, s.step, s.counter, s.partition
ORDER BY s.workspace_id, s.journey_id, s.version, s.step, s.counter, s.partition
ON CONFLICT (workspace_id, journey_id, version, step, counter, partition) DO UPDATE SET amount = c.amount + excluded.amount;

-- name: count
-- Arrays: $1 partitions, $2 workspaces, $3 journeys, $4 versions, $5 steps, $6 counters, $7 amounts.
INSERT INTO step_counts AS c (workspace_id, journey_id, version, step, counter, partition, amount)
SELECT s.workspace_id, s.journey_id, s.version, s.step, s.counter, s.partition, s.amount
FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::bigint[])
    AS s (partition, workspace_id, journey_id, version, step, counter, amount)
ORDER BY s.workspace_id, s.journey_id, s.version, s.step, s.counter, s.partition
ON CONFLICT (workspace_id, journey_id, version, step, counter, partition) DO UPDATE SET amount = c.amount + excluded.amount;

-- name: lanes_read
-- Arrays: $1 partitions, $2 control_seqs that their lanes have read.
INSERT INTO lane_control AS l (partition, control_seq)
SELECT partition, control_seq FROM unnest($1::int[], $2::bigint[]) AS s (partition, control_seq) ORDER BY partition
ON CONFLICT (partition) DO UPDATE SET control_seq = greatest(l.control_seq, excluded.control_seq);

-- name: merge_presence
-- Arrays: the fields of CountedRow. One that is there already stays as it is.
INSERT INTO presence_counts (control_seq, partition, workspace_id, journey_id, cells)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::jsonb[])
ON CONFLICT DO NOTHING;

-- name: merge_censuses
-- Arrays: the fields of CensusRow. One that is there already stays as it is.
INSERT INTO census_counts (control_seq, partition, workspace_id, looked_at, matching, failed, unseen, sample)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[], $8::jsonb[])
ON CONFLICT DO NOTHING;

-- name: with_deletions
-- Before all other locks: no customer is deleted by the API until the transaction ends.
SELECT pg_advisory_xact_lock_shared(hashtextextended('erasures', 0));

-- name: forgotten
-- Arrays: $1 workspaces, $2 customers, $3 deletions that their lanes have carried out.
DELETE FROM erasures e
USING unnest($1::text[], $2::text[], $3::bigint[]) AS s (workspace_id, customer_id, number)
WHERE e.workspace_id = s.workspace_id AND e.customer_id = s.customer_id AND e.number <= s.number;

-- name: erased
-- Arrays: $1 workspaces, $2 customers. Those who were deleted, and whose lanes have not said yet that they have carried it
-- out: what those wrote for a life without a row is void (R54).
SELECT workspace_id, customer_id
FROM unnest($1::text[], $2::text[]) AS s (workspace_id, customer_id)
JOIN erasures USING (workspace_id, customer_id);

-- name: see_customers
-- Arrays: $1 workspaces, $2 customers, $3 numbers, $4 ms. First sight (A19): a row for each customer that has none, in
-- workspaces that exist. An alias has none, and gets none: its root has one.
INSERT INTO customers (workspace_id, customer_id, writes, created_ms)
SELECT s.workspace_id, s.customer_id, s.number, s.at
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS s (workspace_id, customer_id, number, at)
JOIN workspaces USING (workspace_id)
WHERE (SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id) IS NULL
ORDER BY s.workspace_id, s.customer_id, s.number
ON CONFLICT DO NOTHING
RETURNING workspace_id, customer_id;

-- name: aliases_among
-- Arrays: $1 workspaces, $2 customers. Whether there is an alias among them.
SELECT count((SELECT i.root FROM identities i WHERE i.workspace_id = s.workspace_id AND i.alias = s.customer_id)) > 0
FROM unnest($1::text[], $2::text[]) AS s (workspace_id, customer_id);

-- name: carry_out_consents
-- Arrays: the fields of ConsentRow. Before `carry_out_writes`, which notes that the row contains them. The last counts.
WITH due AS (
    SELECT s.workspace_id, s.customer_id, c.customer_key, s.number, s.channel, s.subscription, s.status
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[])
        AS s (workspace_id, customer_id, number, born, channel, subscription, status)
    JOIN customers c ON c.workspace_id = s.workspace_id AND c.customer_id = s.customer_id
    WHERE s.number > c.writes AND s.born IN (0, c.born)
    ORDER BY s.workspace_id, s.customer_id
    FOR UPDATE OF c
)
INSERT INTO consents AS o (workspace_id, customer_id, customer_key, channel, subscription, status)
SELECT DISTINCT ON (workspace_id, customer_id, channel, subscription)
    workspace_id, customer_id, customer_key, channel, subscription, status
FROM due
ORDER BY workspace_id, customer_id, channel, subscription, number DESC
ON CONFLICT (workspace_id, customer_id, channel, subscription) DO UPDATE SET status = excluded.status
WHERE o.status <> excluded.status;

-- name: carry_out_members
-- Arrays: the fields of MemberRow. As `carry_out_consents`.
WITH due AS (
    SELECT s.workspace_id, s.customer_id, c.customer_key, s.number, s.segment, s.member
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::boolean[])
        AS s (workspace_id, customer_id, number, born, segment, member)
    JOIN customers c ON c.workspace_id = s.workspace_id AND c.customer_id = s.customer_id
    WHERE s.number > c.writes AND s.born IN (0, c.born)
    ORDER BY s.workspace_id, s.customer_id
    FOR UPDATE OF c
)
INSERT INTO segment_members AS m (workspace_id, segment, customer_id, customer_key, member)
SELECT DISTINCT ON (workspace_id, segment, customer_id) workspace_id, segment, customer_id, customer_key, member
FROM due
ORDER BY workspace_id, segment, customer_id, number DESC
ON CONFLICT (workspace_id, segment, customer_id) DO UPDATE SET member = excluded.member
WHERE m.member <> excluded.member;

-- name: carry_out_writes
-- Arrays: the fields of WriteRow. Only writes that the row does not contain yet, and only in the life of the row they
-- were meant for (R53). Of an attribute the last write counts, and what is added after it; a sum beyond all floats is the
-- last of them, for nobody could read it. Who has been deleted stays deleted (R15).
WITH due AS (
    SELECT s.workspace_id, s.customer_id, s.number, s.name, s.value, s.adds, c.attributes -> s.name AS present
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::jsonb[], $7::boolean[])
        AS s (workspace_id, customer_id, number, born, name, value, adds)
    JOIN customers c ON c.workspace_id = s.workspace_id AND c.customer_id = s.customer_id
    WHERE s.number > c.writes AND s.born IN (0, c.born)
    ORDER BY s.workspace_id, s.customer_id
    FOR UPDATE OF c
), numbered AS (
    SELECT workspace_id, customer_id, max(number) AS number FROM due GROUP BY workspace_id, customer_id
), last AS (
    SELECT DISTINCT ON (workspace_id, customer_id, name) workspace_id, customer_id, name, number, value
    FROM due
    WHERE name IS NOT NULL AND NOT adds
    ORDER BY workspace_id, customer_id, name, number DESC
), sums AS (
    SELECT d.workspace_id, d.customer_id, d.name, sum((d.value #>> '{}')::numeric) AS amount,
        CASE WHEN l.name IS NULL THEN d.present ELSE l.value END AS base
    FROM due d
    LEFT JOIN last l USING (workspace_id, customer_id, name)
    WHERE d.adds AND d.number > coalesce(l.number, 0)
    GROUP BY d.workspace_id, d.customer_id, d.name, l.name, l.value, d.present
), final AS (
    SELECT l.workspace_id, l.customer_id, l.name, l.value
    FROM last l
    LEFT JOIN sums s USING (workspace_id, customer_id, name)
    WHERE s.name IS NULL
    UNION ALL
    SELECT workspace_id, customer_id, name,
        to_jsonb(greatest(-1.7976931348623157e308, least(1.7976931348623157e308,
            amount + CASE jsonb_typeof(base) WHEN 'number' THEN (base #>> '{}')::numeric ELSE 0 END)))
    FROM sums
), changed AS (
    SELECT workspace_id, customer_id,
        jsonb_object_agg(name, value) FILTER (WHERE value IS NOT NULL) AS set,
        array_agg(name) FILTER (WHERE value IS NULL) AS unset
    FROM final
    GROUP BY workspace_id, customer_id
)
UPDATE customers c SET
    attributes = (c.attributes - coalesce(x.unset, '{}')) || coalesce(x.set, '{}'),
    writes = n.number
FROM numbered n
LEFT JOIN changed x USING (workspace_id, customer_id)
WHERE c.workspace_id = n.workspace_id AND c.customer_id = n.customer_id;

-- name: pass_over_writes
-- Arrays: the fields of PassedRow. Writes that cannot be carried out: the row says that it is done with them, for their lane
-- must not wait for ever. Only in the life they were meant for, as `carry_out_writes`.
WITH due AS (
    SELECT s.workspace_id, s.customer_id, s.number
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS s (workspace_id, customer_id, number, born)
    JOIN customers c ON c.workspace_id = s.workspace_id AND c.customer_id = s.customer_id
    WHERE s.number > c.writes AND s.born IN (0, c.born)
    ORDER BY s.workspace_id, s.customer_id
    FOR UPDATE OF c
)
UPDATE customers c SET writes = n.number
FROM (SELECT workspace_id, customer_id, max(number) AS number FROM due GROUP BY workspace_id, customer_id) n
WHERE c.workspace_id = n.workspace_id AND c.customer_id = n.customer_id;

-- name: step_of_write
-- $1 workspace, $2 customer, $3 what the write changes, as decisions say it, $4 ms. The step that wrote it, if its decision
-- is here already: the one that is nearest in time.
SELECT d.journey_id, d.step
FROM decisions d
WHERE d.workspace_id = $1 AND d.customer_id = $2 AND d.kind = 'moved' AND d.body -> 'data' ?| $3::text[]
    AND d.at BETWEEN to_timestamp($4 / 1000::float8) - interval '1 day' AND to_timestamp($4 / 1000::float8) + interval '1 day'
ORDER BY abs(extract(epoch FROM d.at) * 1000 - $4), d.n
LIMIT 1;

-- name: dead_letters
-- Arrays: $1 topics, $2 partitions, $3 offsets, $4 workspaces (or NULL), $5 errors.
INSERT INTO dead_letters (topic, partition, record_offset, workspace_id, error)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[])
ON CONFLICT DO NOTHING;

-- name: settle_dead_letters
-- Arrays: $1 topics, $2 partitions, $3 offsets.
DELETE FROM dead_letters d USING unnest($1::text[], $2::int[], $3::bigint[]) AS n(topic, partition, record_offset)
WHERE (d.topic, d.partition, d.record_offset) = (n.topic, n.partition, n.record_offset);

-- name: forget_decisions
-- $1 days, $2 most rows. A little at a time, so that nobody waits.
DELETE FROM decisions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM decisions WHERE at < now() - make_interval(days => $1) LIMIT $2
));
