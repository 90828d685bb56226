-- Names of the events that a workspace has tracked, at most 1,000: who writes one into a journey that nobody has ever sent
-- hears of it (R60). From this migration on; an API from before adds none.

CREATE TABLE event_names (
    workspace_id text NOT NULL REFERENCES workspaces,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, name)
);
ALTER TABLE event_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_names FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON event_names USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON event_names TO CURRENT_USER USING (true);
GRANT SELECT, INSERT ON event_names TO laudstream_api;
