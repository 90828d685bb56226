-- Groups of customers (A18): traits, and who belongs. They are copied into `attributes.group` of the members' rows, a
-- slice at a time: whoever has `seen` less than the group's `revision` is behind. They are not captured; the rows are.

CREATE TABLE groups (
    workspace_id text NOT NULL REFERENCES workspaces,
    group_id text NOT NULL CHECK (length(group_id) BETWEEN 1 AND 200),
    traits jsonb NOT NULL DEFAULT '{}' CONSTRAINT groups_traits_size CHECK (
        jsonb_typeof(traits) = 'object' AND pg_column_size(traits) <= 32768 AND octet_length(traits::text) <= 131072),
    revision bigint NOT NULL DEFAULT nextval('row_revision'),  -- grows with every change of the traits, and by deletion
    born bigint NOT NULL DEFAULT 0,            -- who joined before that revision was a member of a group since deleted
    deleted boolean NOT NULL DEFAULT false,    -- its members are still to be told
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, group_id)
);

-- Groups that may have members who are behind. Apart from `groups`, whose rows those who join hold all the time.
CREATE TABLE group_changes (
    workspace_id text NOT NULL,
    group_id text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (workspace_id, group_id)
);
CREATE INDEX group_changes_by_age ON group_changes (revision);

CREATE TABLE group_members (
    workspace_id text NOT NULL,
    customer_id text NOT NULL,
    group_id text NOT NULL,
    joined bigint NOT NULL,                    -- revision of the group then
    seen bigint NOT NULL,                      -- revision that was put into the row last, or was too large for it
    too_large boolean NOT NULL DEFAULT false,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, customer_id),
    FOREIGN KEY (workspace_id, customer_id) REFERENCES customers ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, group_id) REFERENCES groups
);
CREATE INDEX members_of_group ON group_members (workspace_id, group_id, customer_id);
CREATE INDEX members_behind ON group_members (workspace_id, group_id, seen, customer_id);

-- Whether a customer's row may hold these attributes: what the constraints of 0002 and 0021 say, asked beforehand, so
-- that one member whose row would be too large fails no slice.
CREATE FUNCTION attributes_fit(attributes jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_column_size(attributes) <= 65536 AND octet_length(attributes::text) <= 262144
        AND NOT jsonb_path_exists(attributes, '$.**{101 to last}')
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['groups', 'group_changes', 'group_members'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_workspace ON %I USING (workspace_id = current_setting(''app.workspace'', true))', name);
        EXECUTE format('CREATE POLICY owner_sees_all ON %I TO CURRENT_USER USING (true)', name);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON groups, group_changes, group_members TO laudstream_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON groups, group_changes, group_members TO laudstream_worker;

-- Of two customers who become one (R50) the target stays in its group, or comes into that of the source. Its row is looked at
-- again, for it may have the traits of the other one now. A change that is there already is held: else it could be settled
-- before anybody sees this member.
CREATE OR REPLACE FUNCTION merge_more(home text, source text, target text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO group_members (workspace_id, customer_id, group_id, joined, seen, since)
    SELECT home, target, m.group_id, m.joined, 0, m.since
    FROM group_members m
    WHERE m.workspace_id = home AND m.customer_id = source
    ON CONFLICT (workspace_id, customer_id) DO UPDATE SET seen = 0;
    INSERT INTO group_changes AS c (workspace_id, group_id, revision)
    SELECT home, g.group_id, g.revision
    FROM group_members m
    JOIN groups g ON g.workspace_id = m.workspace_id AND g.group_id = m.group_id
    WHERE m.workspace_id = home AND m.customer_id = target AND m.seen = 0
    ON CONFLICT (workspace_id, group_id) DO UPDATE SET revision = greatest(c.revision, excluded.revision);
$$;
