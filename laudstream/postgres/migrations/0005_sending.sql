-- Claims of the senders (A21): a send request is handed over once, whoever dies when.

CREATE TABLE send_claims (
    workspace_id text NOT NULL,
    send_id text NOT NULL,
    channel text NOT NULL,
    message_class text NOT NULL,
    state text NOT NULL CHECK (state IN ('claimed', 'handing_over', 'sent', 'refused', 'failed', 'unknown')),
    owner text,                                -- sender process that holds the lease
    lease_until timestamptz,
    next_try_at timestamptz,                   -- parked until then
    tries int NOT NULL DEFAULT 0,
    body jsonb NOT NULL,                       -- the send request
    outcome jsonb,                             -- the delivery, once there is one
    published_at timestamptz,                  -- the delivery was acknowledged by Kafka
    claimed_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, send_id)
) WITH (fillfactor = 60);
CREATE INDEX send_claims_open ON send_claims (channel, next_try_at) WHERE state IN ('claimed', 'handing_over');
CREATE INDEX send_claims_unpublished ON send_claims (updated_at) WHERE outcome IS NOT NULL AND published_at IS NULL;
