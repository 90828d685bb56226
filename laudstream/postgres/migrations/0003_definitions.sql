-- Journeys, templates, and the outbox from which the control agent publishes (A9).

CREATE TABLE journeys (
    workspace_id text NOT NULL REFERENCES workspaces,
    journey_id text NOT NULL,
    name text NOT NULL,
    status text NOT NULL DEFAULT 'draft'
        CHECK (status IN ('draft', 'live', 'paused', 'draining', 'stopped')),
    draft jsonb,                               -- what PUT saved last; NULL once published unchanged
    live_version int,
    control_id bigint,                         -- last outbox row of this journey
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, journey_id)
);

CREATE TABLE journey_versions (
    workspace_id text NOT NULL,
    journey_id text NOT NULL,
    version int NOT NULL CHECK (version > 0),
    body jsonb NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, journey_id, version),
    FOREIGN KEY (workspace_id, journey_id) REFERENCES journeys
);

CREATE TABLE templates (
    workspace_id text NOT NULL REFERENCES workspaces,
    template_id text NOT NULL,
    channel text NOT NULL,
    live_version int NOT NULL,
    control_id bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, template_id)
);

CREATE TABLE template_versions (
    workspace_id text NOT NULL,
    template_id text NOT NULL,
    version int NOT NULL CHECK (version > 0),
    body jsonb NOT NULL,                       -- {"channel", "subject", "html", "text", "from", "requires": [paths]}
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, template_id, version),
    FOREIGN KEY (workspace_id, template_id) REFERENCES templates
);

CREATE TABLE control_outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('journey', 'template')),
    id text NOT NULL,
    version int NOT NULL,
    status text NOT NULL,
    body jsonb,                                -- only where the version is new
    created_at timestamptz NOT NULL DEFAULT now(),
    control_seq bigint UNIQUE,                 -- given by the control agent, without holes
    sent_at timestamptz,
    error text                                 -- refused by the control agent (does not compile)
);
CREATE INDEX control_outbox_unsent ON control_outbox (outbox_id) WHERE sent_at IS NULL AND error IS NULL;

CREATE FUNCTION wake_control_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY laudstream_control;
    RETURN NULL;
END $$;
CREATE TRIGGER wake_control_agent AFTER INSERT ON control_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION wake_control_agent();

-- How far each lane has read its control partition, from `control` decisions. Live = every lane has.
CREATE TABLE lane_control (
    partition int PRIMARY KEY,
    control_seq bigint NOT NULL
);
