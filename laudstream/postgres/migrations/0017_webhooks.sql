-- Webhooks are actions: no opt-out concerns them, unless the request says so (`consent`, R43). They may be asked for by
-- the first event of a customer, before the projector has made its row (`fresh`): that it is missing then is no deletion.

CREATE OR REPLACE FUNCTION send_refusal(request jsonb, at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
SELECT CASE
    WHEN (request->>'send_before')::bigint < (extract(epoch FROM at) * 1000)::bigint THEN 'expired'
    WHEN NOT EXISTS (
        SELECT FROM customers c
        WHERE c.workspace_id = request->>'workspace' AND c.customer_id = request->>'customer')
        AND NOT (coalesce((request->>'fresh')::boolean, false)
            AND (request->>'requested_at')::bigint > (extract(epoch FROM at) * 1000)::bigint - 600000) THEN 'deleted'
    WHEN EXISTS (
        SELECT FROM suppressions s
        WHERE s.workspace_id = request->>'workspace' AND s.customer_id = request->>'customer'
            AND s.channel = request->>'channel') THEN 'suppressed'
    WHEN coalesce((request->>'consent')::boolean, true) AND EXISTS (
        SELECT FROM consents o                 -- marketing obeys every opt-out, transactional that of its own (R42)
        WHERE o.workspace_id = request->>'workspace' AND o.customer_id = request->>'customer'
            AND o.channel = request->>'channel' AND o.status = 'unsubscribed'
            AND CASE o.subscription
                WHEN '' THEN request->>'message_class' <> 'transactional'
                ELSE o.subscription = request->>'subscription' END) THEN 'unsubscribed'
    ELSE coalesce((
        SELECT CASE j.status WHEN 'stopped' THEN 'journey_stopped' WHEN 'paused' THEN 'paused' END
        FROM journeys j
        WHERE j.workspace_id = request->>'workspace' AND j.journey_id = request->>'journey'), '')
END
$$;
