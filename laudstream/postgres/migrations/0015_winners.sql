-- Winners of experiments (R45): each is one control record, ordered when its row is written.

CREATE TABLE experiment_winners (
    workspace_id text NOT NULL REFERENCES workspaces,
    experiment text NOT NULL,
    arm text NOT NULL,
    chosen_by text NOT NULL CHECK (chosen_by IN ('person', 'lead', 'time')),
    chosen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    counts jsonb NOT NULL,                     -- [{"arm", "customers", "runs", "met"}] as they were then
    control_id bigint NOT NULL,                -- its outbox row
    PRIMARY KEY (workspace_id, experiment)
);
ALTER TABLE experiment_winners ENABLE ROW LEVEL SECURITY;
ALTER TABLE experiment_winners FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON experiment_winners USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON experiment_winners TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON experiment_winners TO laudstream_api, laudstream_worker;

ALTER TABLE control_outbox DROP CONSTRAINT control_outbox_kind_check;
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_kind_check
    CHECK (kind IN ('journey', 'template', 'segment', 'subscription', 'workspace', 'migration', 'count', 'winner'));

-- Runs that passed an experiment: counted by arm while no winner is chosen.
CREATE INDEX runs_with_arms ON runs (workspace_id, journey_id) WHERE arms <> '{}';
