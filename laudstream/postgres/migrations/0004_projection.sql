-- What people look at (A23): made by the projector from decisions and deliveries; may be wiped and rebuilt.

CREATE TABLE stream_positions (
    stream text NOT NULL,                      -- projector, senders
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (stream, topic, partition)
);

CREATE TABLE runs (
    workspace_id text NOT NULL,
    run_id text NOT NULL,
    customer_id text NOT NULL,
    journey_id text NOT NULL,
    version int NOT NULL,
    step text NOT NULL,                        -- where it is; last step once ended
    entered_at timestamptz NOT NULL,
    moved_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text,
    reason text,
    arms jsonb NOT NULL DEFAULT '{}',          -- experiment step -> arm
    last_n bigint NOT NULL,                    -- number of the last decision in it: older ones change nothing
    PRIMARY KEY (workspace_id, run_id)
);
CREATE INDEX runs_by_customer ON runs (workspace_id, customer_id, entered_at DESC);
CREATE INDEX runs_by_journey ON runs (workspace_id, journey_id, version) WHERE ended_at IS NULL;

-- Counters are kept per lane and summed by the reader.
CREATE TABLE step_counts (
    workspace_id text NOT NULL,
    journey_id text NOT NULL,
    version int NOT NULL,
    step text NOT NULL,                        -- '' = the journey itself
    counter text NOT NULL,                     -- arrived, left:<branch>, ended:<outcome or reason>, requested,
                                               -- refused:<reason>, sent, delivered, …, entered, not_entered:<reason>, failed
    partition int NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (workspace_id, journey_id, version, step, counter, partition)
);

-- 30 days of timelines.
CREATE TABLE decisions (
    workspace_id text NOT NULL,
    customer_id text NOT NULL,
    n bigint NOT NULL,
    decision_id text NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    journey_id text NOT NULL,
    version int NOT NULL,
    run_id text NOT NULL,
    step text NOT NULL,
    reason text NOT NULL,
    body jsonb NOT NULL,                       -- the whole record
    PRIMARY KEY (workspace_id, customer_id, at, decision_id)
);
CREATE INDEX decisions_by_age ON decisions USING brin (at);

CREATE TABLE messages (
    workspace_id text NOT NULL,
    send_id text NOT NULL,
    customer_id text NOT NULL,
    channel text NOT NULL,
    message_class text NOT NULL,
    journey_id text NOT NULL,
    version int NOT NULL,
    run_id text NOT NULL,
    step text NOT NULL,
    template_id text NOT NULL,
    template_version int NOT NULL,
    status text NOT NULL,                      -- requested < unknown < sent < delivered < opened < clicked; bounced, complained, failed, refused
    status_rank int NOT NULL,
    reason text NOT NULL DEFAULT '',
    requested_at timestamptz,
    sent_at timestamptz,
    status_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, send_id)
);
CREATE INDEX messages_by_customer ON messages (workspace_id, customer_id, status_at DESC);
CREATE INDEX messages_by_age ON messages (workspace_id, requested_at DESC, send_id);
CREATE INDEX messages_by_journey ON messages (workspace_id, journey_id, requested_at DESC);

CREATE TABLE dead_letters (
    topic text NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    workspace_id text,
    error text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, record_offset)
);
