-- Versions of journeys: one beside the live one for a share of those who enter, maps that move runs, and counts of who is
-- where (R48).

ALTER TABLE journeys ADD COLUMN trial_version int;
ALTER TABLE journeys ADD COLUMN trial_share int NOT NULL DEFAULT 0;    -- in 1/10,000 of those who enter
ALTER TABLE journey_versions ADD COLUMN restored_from int;             -- the version whose body this is again

CREATE TABLE journey_migrations (
    workspace_id text NOT NULL,
    journey_id text NOT NULL,
    number int NOT NULL CHECK (number > 0),    -- 1, 2, 3, … of the journey
    to_version int NOT NULL,
    steps jsonb NOT NULL,                      -- old step -> new step, exit or stay
    ordered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, journey_id, number),
    FOREIGN KEY (workspace_id, journey_id) REFERENCES journeys
);

-- What lanes counted, asked for by an order of the kind `count`. May be wiped.
CREATE TABLE presence_counts (
    control_seq bigint NOT NULL,
    partition int NOT NULL,
    workspace_id text NOT NULL,
    journey_id text NOT NULL,
    cells jsonb NOT NULL,                      -- [[version, step, parked, runs, people], …]
    counted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (control_seq, partition)
);
CREATE INDEX presence_counts_by_age ON presence_counts (counted_at);

ALTER TABLE control_outbox ADD COLUMN share int NOT NULL DEFAULT 0;    -- of a trial, in 1/10,000
ALTER TABLE control_outbox DROP CONSTRAINT control_outbox_kind_check;
ALTER TABLE control_outbox ADD CONSTRAINT control_outbox_kind_check
    CHECK (kind IN ('journey', 'template', 'segment', 'subscription', 'workspace', 'migration', 'count'));

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['journey_migrations', 'presence_counts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_workspace ON %I USING (workspace_id = current_setting(''app.workspace'', true))', name);
        EXECUTE format('CREATE POLICY owner_sees_all ON %I TO CURRENT_USER USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO laudstream_api, laudstream_worker', name);
    END LOOP;
END $$;
