-- A request that is under way to a customer who has been merged (R50) is judged by the root: by its consents, which are the
-- stricter ones of both, and by its suppressions. It has to be of the life that was merged, or of the time before there was
-- a row; a root that is deleted takes its aliases along, and what is under way to them is `deleted` too.

CREATE OR REPLACE FUNCTION send_refusal(request jsonb, at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
SELECT CASE
    WHEN (request->>'send_before')::bigint < (extract(epoch FROM at) * 1000)::bigint THEN 'expired'
    WHEN who.id IS NULL
        AND NOT (coalesce((request->>'fresh')::boolean, false)
            AND (request->>'requested_at')::bigint > (extract(epoch FROM at) * 1000)::bigint - 600000) THEN 'deleted'
    WHEN EXISTS (
        SELECT FROM suppressions s
        WHERE s.workspace_id = request->>'workspace' AND s.customer_id = who.id
            AND s.channel = request->>'channel') THEN 'suppressed'
    WHEN coalesce((request->>'consent')::boolean, true) AND EXISTS (
        SELECT FROM consents o                 -- marketing obeys every opt-out, transactional that of its own (R42)
        WHERE o.workspace_id = request->>'workspace' AND o.customer_id = who.id
            AND o.channel = request->>'channel' AND o.status = 'unsubscribed'
            AND CASE o.subscription
                WHEN '' THEN request->>'message_class' <> 'transactional'
                ELSE o.subscription = request->>'subscription' END) THEN 'unsubscribed'
    ELSE coalesce((
        SELECT CASE j.status WHEN 'stopped' THEN 'journey_stopped' WHEN 'paused' THEN 'paused' END
        FROM journeys j
        WHERE j.workspace_id = request->>'workspace' AND j.journey_id = request->>'journey'), '')
END
FROM (
    SELECT coalesce((
        SELECT c.customer_id FROM customers c
        WHERE c.workspace_id = request->>'workspace' AND c.customer_id = request->>'customer'
    ), (                                       -- asked only where there is no row
        SELECT i.root FROM identities i
        WHERE i.workspace_id = request->>'workspace' AND i.alias = request->>'customer'
            AND (i.born = (request->>'life')::bigint OR coalesce((request->>'life')::bigint, 0) <= 0)
    )) AS id
    OFFSET 0                                   -- found once, not wherever it is read
) AS who
$$;
