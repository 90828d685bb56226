-- Why a send request must not be handed over any more (R40, A21); '' = it may. The first reason counts.
-- Asked when a request is claimed and again when it is handed over: days may lie between.

CREATE FUNCTION send_refusal(request jsonb, at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
SELECT CASE
    WHEN (request->>'send_before')::bigint < (extract(epoch FROM at) * 1000)::bigint THEN 'expired'
    WHEN NOT EXISTS (
        SELECT FROM customers c
        WHERE c.workspace_id = request->>'workspace' AND c.customer_id = request->>'customer') THEN 'deleted'
    WHEN EXISTS (
        SELECT FROM suppressions s
        WHERE s.workspace_id = request->>'workspace' AND s.customer_id = request->>'customer'
            AND s.channel = request->>'channel') THEN 'suppressed'
    WHEN EXISTS (                              -- marketing obeys every opt-out, transactional that of its own (R42)
        SELECT FROM consents o
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
