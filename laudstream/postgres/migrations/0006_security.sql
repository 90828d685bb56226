-- Row-level security on everything that belongs to a workspace; rights of the roles.
-- The API sets app.workspace for each transaction: SELECT set_config('app.workspace', $1, true).

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'workspaces', 'api_keys', 'customers', 'consents', 'suppressions', 'journeys', 'journey_versions', 'templates',
        'template_versions', 'control_outbox', 'runs', 'step_counts', 'decisions', 'messages', 'send_claims'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_workspace ON %I USING (workspace_id = current_setting(''app.workspace'', true))', name);
        EXECUTE format('CREATE POLICY owner_sees_all ON %I TO CURRENT_USER USING (true)', name);
    END LOOP;
END $$;

-- Keys are looked up before the workspace is known: by a function that answers only for a whole key's hash.
CREATE FUNCTION workspace_of_key(hash bytea) RETURNS TABLE (workspace_id text, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS
$$ SELECT workspace_id, kind FROM api_keys WHERE key_hash = hash AND revoked_at IS NULL $$;
REVOKE ALL ON FUNCTION workspace_of_key FROM public;

GRANT USAGE ON SCHEMA public TO laudstream_api, laudstream_worker, laudstream_cdc;
GRANT EXECUTE ON FUNCTION workspace_of_key TO laudstream_api, laudstream_worker;
GRANT SELECT ON workspaces, api_keys, runs, step_counts, decisions, messages, send_claims, lane_control, dead_letters,
    stream_positions TO laudstream_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON customers, consents, suppressions, journeys, journey_versions, templates,
    template_versions TO laudstream_api;
GRANT DELETE ON runs, decisions, messages TO laudstream_api; -- erasure of a customer
GRANT SELECT, INSERT ON control_outbox TO laudstream_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO laudstream_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO laudstream_api, laudstream_worker;
GRANT SELECT ON customers, consents, suppressions, heartbeat TO laudstream_cdc;
GRANT UPDATE, INSERT ON heartbeat TO laudstream_cdc;
