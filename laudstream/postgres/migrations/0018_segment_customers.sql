-- Who is in which segment and since when (A23): made by the projector from decisions, for dynamic and manual segments
-- alike; what decisions are kept tells of the time before. And an order of customers that has nothing to do with who they
-- are: what a preview has looked at so far is a fair sample.

CREATE TABLE segment_customers (
    workspace_id text NOT NULL,
    segment text NOT NULL,
    customer_id text NOT NULL,
    member boolean NOT NULL,
    since timestamptz NOT NULL,                -- of the last change
    last_n bigint NOT NULL,                    -- number of the decision that told: older ones change nothing
    PRIMARY KEY (workspace_id, segment, customer_id)
);
CREATE INDEX segment_customers_by_customer ON segment_customers (workspace_id, customer_id) WHERE member;

INSERT INTO segment_customers (workspace_id, segment, customer_id, member, since, last_n)
SELECT DISTINCT ON (workspace_id, customer_id, body->'data'->>'segment')
    workspace_id, body->'data'->>'segment', customer_id, body->'data'->>'change' = 'entered', at, n
FROM decisions
WHERE kind = 'segment' AND body->'data'->>'segment' IS NOT NULL
ORDER BY workspace_id, customer_id, body->'data'->>'segment', n DESC;

ALTER TABLE segment_customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE segment_customers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON segment_customers USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON segment_customers TO CURRENT_USER USING (true);
GRANT SELECT, DELETE ON segment_customers TO laudstream_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON segment_customers TO laudstream_worker;

CREATE INDEX customers_shuffled ON customers (workspace_id, hashtext(customer_id), customer_id);
