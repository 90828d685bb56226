-- Who is known by a further id (A18): an alias is the id of a customer that has been merged into another one.
CREATE TABLE identities (
    workspace_id text NOT NULL,
    alias text NOT NULL,
    customer_key text NOT NULL,                -- of the alias
    root text NOT NULL,
    born bigint NOT NULL DEFAULT 0,
    writes bigint NOT NULL DEFAULT 0,
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, alias)
);
CREATE TRIGGER number_identity BEFORE INSERT OR UPDATE ON identities FOR EACH ROW EXECUTE FUNCTION number_row();
ALTER TABLE identities REPLICA IDENTITY FULL;
ALTER PUBLICATION laudstream ADD TABLE identities;
ALTER TABLE identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE identities FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identities USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON identities TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON identities TO laudstream_api, laudstream_worker;
GRANT SELECT ON identities TO laudstream_cdc;
