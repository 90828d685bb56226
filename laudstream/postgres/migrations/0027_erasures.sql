-- Who was deleted while there was no row (R54): what a lane has written for that life may still be on its way, and is not
-- carried out. The lane says behind it that the customer is forgotten, and so is this.

CREATE TABLE erasures (
    workspace_id text NOT NULL REFERENCES workspaces,
    customer_id text NOT NULL CHECK (length(customer_id) BETWEEN 1 AND 200),
    number bigint NOT NULL,                    -- of the deletion, from the sequence of the rows
    PRIMARY KEY (workspace_id, customer_id)
);
ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON erasures USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON erasures TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON erasures TO laudstream_api, laudstream_worker;
