-- Censuses: of how many customers a condition holds, counted by lanes (A10). The order is in the outbox with its condition; a
-- control agent of the release before refuses it.

ALTER TABLE control_outbox DROP CONSTRAINT control_outbox_kind_check;
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_kind_check
    CHECK (kind IN ('journey', 'template', 'segment', 'subscription', 'workspace', 'migration', 'count', 'winner', 'signal',
        'level', 'census'));
CREATE INDEX control_outbox_censuses ON control_outbox (workspace_id, created_at) WHERE kind = 'census';

-- What lanes counted. May be wiped.
CREATE TABLE census_counts (
    control_seq bigint NOT NULL,
    partition int NOT NULL,
    workspace_id text NOT NULL,
    looked_at bigint NOT NULL,
    matching bigint NOT NULL,
    failed bigint NOT NULL,                    -- of those that do not match: asking them was an error
    unseen jsonb NOT NULL,                     -- [parts of the condition that are kept from its publishing on only, …]
    sample jsonb NOT NULL,                     -- [{mark, id, looked_at}, …]
    counted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (control_seq, partition)
);
CREATE INDEX census_counts_by_workspace ON census_counts (workspace_id, counted_at);
ALTER TABLE census_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE census_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON census_counts USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON census_counts TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON census_counts TO laudstream_api, laudstream_worker;
