-- Definitions that are live as soon as they are published: segments, subscriptions, the settings of a workspace.

CREATE TABLE definitions (
    workspace_id text NOT NULL REFERENCES workspaces,
    kind text NOT NULL CHECK (kind IN ('segment', 'subscription', 'workspace')),
    id text NOT NULL,
    live_version int NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    control_id bigint,                         -- last outbox row of this definition
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, kind, id)
);

CREATE TABLE definition_versions (
    workspace_id text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    version int NOT NULL CHECK (version > 0),
    body jsonb NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, kind, id, version),
    FOREIGN KEY (workspace_id, kind, id) REFERENCES definitions
);

ALTER TABLE control_outbox DROP CONSTRAINT control_outbox_kind_check;
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_kind_check
    CHECK (kind IN ('journey', 'template', 'segment', 'subscription', 'workspace'));

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['definitions', 'definition_versions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_workspace ON %I USING (workspace_id = current_setting(''app.workspace'', true))', name);
        EXECUTE format('CREATE POLICY owner_sees_all ON %I TO CURRENT_USER USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO laudstream_api, laudstream_worker', name);
    END LOOP;
END $$;
GRANT UPDATE (time_zone) ON workspaces TO laudstream_api;
