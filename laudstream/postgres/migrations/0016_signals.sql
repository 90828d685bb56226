-- Signals: events that belong to no customer (R34). The order is in the outbox; here is what tells a repeat from a new one.

CREATE TABLE signals (
    workspace_id text NOT NULL REFERENCES workspaces,
    number int NOT NULL,                       -- 1, 2, 3, … in the workspace
    message_id text NOT NULL,
    name text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    control_id bigint NOT NULL,                -- its outbox row
    PRIMARY KEY (workspace_id, number)
);
CREATE INDEX signals_by_time ON signals (workspace_id, received_at);
ALTER TABLE signals ENABLE ROW LEVEL SECURITY;
ALTER TABLE signals FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON signals USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON signals TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON signals TO laudstream_api, laudstream_worker;

ALTER TABLE control_outbox DROP CONSTRAINT control_outbox_kind_check;
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_kind_check
    CHECK (kind IN ('journey', 'template', 'segment', 'subscription', 'workspace', 'migration', 'count', 'winner', 'signal'));
