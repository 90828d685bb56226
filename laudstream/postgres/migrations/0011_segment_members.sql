-- Members of manual segments (A16). Memberships are switched off, not deleted.

CREATE TABLE segment_members (
    workspace_id text NOT NULL,
    segment text NOT NULL,
    customer_id text NOT NULL,
    customer_key text NOT NULL,
    member boolean NOT NULL,
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, segment, customer_id),
    FOREIGN KEY (workspace_id, customer_id) REFERENCES customers ON DELETE CASCADE
);
CREATE INDEX segments_of_customer ON segment_members (workspace_id, customer_id);

CREATE TRIGGER number_member BEFORE INSERT OR UPDATE ON segment_members FOR EACH ROW EXECUTE FUNCTION number_row();
ALTER TABLE segment_members REPLICA IDENTITY FULL;
ALTER PUBLICATION laudstream ADD TABLE segment_members;

ALTER TABLE segment_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE segment_members FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON segment_members USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON segment_members TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON segment_members TO laudstream_api, laudstream_worker;
GRANT SELECT ON segment_members TO laudstream_cdc;
