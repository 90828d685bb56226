-- Identities: who had an id is another customer by now (R50, A18). Captured like rows of customers, by the id that was.
-- Older parts go on with it: nobody is merged before all lanes know what a merge is (`levels`).

ALTER TABLE customers ADD COLUMN known boolean NOT NULL DEFAULT false;   -- written under its own id by an identify or an import

ALTER TABLE customers ADD COLUMN merges int NOT NULL DEFAULT 0;          -- how many others are in it: its lane waits for each

-- How far all lanes are (A14). An installation in which no lane has worked yet begins with the newest.
CREATE TABLE levels (name text PRIMARY KEY, number bigint NOT NULL);
INSERT INTO levels (name, number)
SELECT 'state_format', CASE WHEN EXISTS (SELECT FROM lane_control) OR EXISTS (SELECT FROM customers) THEN 2 ELSE 3 END;
GRANT SELECT ON levels TO laudstream_api;
GRANT SELECT, INSERT, UPDATE ON levels TO laudstream_worker;

-- Of rows from before, and of those that parts of the release before still make, nobody writes down who made them: up to
-- this number they count as known if they have attributes. No row is touched for that. `laudstream upgrade finish` sets it
-- anew.
INSERT INTO levels (name, number) VALUES ('known_by_attributes', nextval('row_revision'));
CREATE FUNCTION is_known(c customers) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT c.known OR (c.attributes <> '{}'
        AND c.born <= (SELECT l.number FROM levels l WHERE l.name = 'known_by_attributes'))
$$;

CREATE TABLE identities (
    workspace_id text NOT NULL,
    alias text NOT NULL CHECK (length(alias) BETWEEN 1 AND 200),
    customer_key text NOT NULL CHECK (customer_key = workspace_id || ':' || alias),
    root text NOT NULL CHECK (root <> alias),
    born bigint NOT NULL,                      -- of the row that was merged; 0: there was none
    writes bigint NOT NULL,                    -- number of the last write of a lane in that row (A19)
    revision bigint NOT NULL,                  -- number of the merge
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, alias),
    -- With the customer go its aliases (R15). Deferred: the alias is written before the row of its root is made.
    FOREIGN KEY (workspace_id, root) REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX identities_by_root ON identities (workspace_id, root);

CREATE TRIGGER number_identity BEFORE INSERT OR UPDATE ON identities FOR EACH ROW EXECUTE FUNCTION number_row();
ALTER TABLE identities REPLICA IDENTITY FULL;
ALTER PUBLICATION laudstream ADD TABLE identities;

-- A merge holds the key of a row that is not there (below). Nobody hears of that row: its `born` is -1.
CREATE OR REPLACE FUNCTION number_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.customer_key := NEW.workspace_id || ':' || NEW.customer_id;
    IF NEW.born = -1 THEN
        NEW.revision := 0;
        RETURN NEW;
    END IF;
    NEW.revision := nextval('row_revision');
    NEW.updated_at := clock_timestamp();
    NEW.born := CASE TG_OP WHEN 'INSERT' THEN NEW.revision ELSE OLD.born END;
    RETURN NEW;
END $$;
ALTER PUBLICATION laudstream DROP TABLE customers;
ALTER PUBLICATION laudstream ADD TABLE customers WHERE (born > 0);

ALTER TABLE identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE identities FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identities USING (workspace_id = current_setting('app.workspace', true));
CREATE POLICY owner_sees_all ON identities TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON identities TO laudstream_api, laudstream_worker;
GRANT SELECT ON identities TO laudstream_cdc;
GRANT UPDATE (customer_id) ON runs, messages, decisions TO laudstream_api;

CREATE FUNCTION root_of(home text, id text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT i.root FROM identities i WHERE i.workspace_id = home AND i.alias = id), id)
$$;

CREATE FUNCTION identity_lock(home text, id text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended(home || ':' || id, 50)
$$;

-- The root of an id, which no merge changes before the transaction ends.
CREATE FUNCTION locked_root(home text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    LOOP
        kept := root_of(home, id);
        BEGIN
            PERFORM pg_advisory_xact_lock(identity_lock(home, kept));
            IF root_of(home, id) = kept THEN
                RETURN kept;
            END IF;
            RAISE SQLSTATE 'LD001';            -- gives the lock back
        EXCEPTION WHEN SQLSTATE 'LD001' THEN NULL;
        END;
    END LOOP;
END $$;

-- The attributes of one with those of another where it has none.
CREATE FUNCTION filled(attributes jsonb, others jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT attributes || coalesce(jsonb_object_agg(o.key, o.value), '{}')
    FROM jsonb_each(others) o
    WHERE coalesce(attributes -> o.key, 'null') IN ('null', '""')
        AND (o.value NOT IN ('null', '""') OR NOT attributes ? o.key)
$$;

-- What later tables add to a merge, before the row of the source goes.
CREATE FUNCTION merge_more(home text, source text, target text) RETURNS void LANGUAGE sql AS '';

-- Makes one customer of two: `source` becomes an alias of `target`, or the root of the one of that of the other.
-- how      identify: only a source that is nobody's alias and not known
--          alias: only one that is not known
--          asked: any
-- kept     the root that both have now
-- gone     the root that became an alias of it
-- outcome  merged; same: they were one; alias, known: not as asked; not_yet: not all lanes know what a merge is
CREATE FUNCTION merge_customers(home text, source text, target text, how text, OUT kept text, OUT gone text, OUT outcome text)
LANGUAGE plpgsql AS $$
DECLARE
    given text := source;
    wanted text := target;
    theirs customers%ROWTYPE;                  -- of the source; NULL where it has none
    ours customers%ROWTYPE;
    only_theirs boolean;
    best jsonb;
    taken bigint;
BEGIN
    IF coalesce((SELECT l.number FROM levels l WHERE l.name = 'state_format'), 0) < 3 THEN
        kept := root_of(home, target);
        outcome := 'not_yet';
        RETURN;
    END IF;
    -- Both roots are locked in the order of the locks. Those of a try that finds other roots then are given back:
    -- kept, the next ones would not come in order.
    LOOP
        source := root_of(home, given);
        target := root_of(home, wanted);
        kept := target;
        outcome := CASE WHEN source = target THEN 'same' WHEN how = 'identify' AND source <> given THEN 'alias' END;
        IF outcome IS NOT NULL THEN
            RETURN;
        END IF;
        BEGIN
            PERFORM pg_advisory_xact_lock(least(identity_lock(home, source), identity_lock(home, target)));
            PERFORM pg_advisory_xact_lock(greatest(identity_lock(home, source), identity_lock(home, target)));
            EXIT WHEN root_of(home, given) = source AND root_of(home, wanted) = target;
            RAISE SQLSTATE 'LD001';
        EXCEPTION WHEN SQLSTATE 'LD001' THEN NULL;
        END;
    END LOOP;

    LOOP
        PERFORM FROM customers c
        WHERE c.workspace_id = home AND c.customer_id IN (source, target)
        ORDER BY c.customer_id COLLATE "C" FOR UPDATE;
        SELECT c.* INTO theirs FROM customers c WHERE c.workspace_id = home AND c.customer_id = source;
        IF FOUND AND how <> 'asked' AND is_known(theirs) THEN
            outcome := 'known';
            RETURN;
        END IF;
        -- The alias comes before everything else, so that lanes read it first and its number is the smallest. Who
        -- inserts a row under the id at this moment holds the key of that row: we wait for them and see it, or they
        -- wait for us and find the alias.
        BEGIN
            UPDATE identities i SET root = target WHERE i.workspace_id = home AND i.root = source;
            INSERT INTO identities (workspace_id, alias, customer_key, root, born, writes)
            VALUES (home, source, home || ':' || source, target, coalesce(theirs.born, 0), coalesce(theirs.writes, 0));
            EXIT WHEN theirs.customer_id IS NOT NULL;
            INSERT INTO customers (workspace_id, customer_id, born) VALUES (home, source, -1) ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS taken = ROW_COUNT;
            EXIT WHEN taken = 1;
            RAISE SQLSTATE 'LD001';
        EXCEPTION WHEN SQLSTATE 'LD001' THEN NULL;
        END;
    END LOOP;

    -- The first row that lanes see of it tells of the merge: they wait for it before they look at audiences.
    INSERT INTO customers (workspace_id, customer_id, created_ms, merges)
    VALUES (home, target, coalesce(theirs.created_ms, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
        1 + coalesce(theirs.merges, 0))
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS taken = ROW_COUNT;
    SELECT c.* INTO STRICT ours FROM customers c WHERE c.workspace_id = home AND c.customer_id = target FOR UPDATE;

    -- What is known wins. Where both together are more than a row may hold, nothing is filled; a row that was beyond
    -- that before stays as it is.
    only_theirs := coalesce(is_known(theirs), false) AND NOT is_known(ours);
    best := CASE WHEN only_theirs THEN theirs.attributes ELSE ours.attributes END;
    FOREACH best IN ARRAY ARRAY[
        filled(best, CASE WHEN only_theirs THEN ours.attributes ELSE coalesce(theirs.attributes, '{}') END),
        best,
        ours.attributes
    ] LOOP
        BEGIN
            UPDATE customers c SET attributes = best, known = is_known(ours) OR coalesce(is_known(theirs), false),
                created_ms = least(ours.created_ms, theirs.created_ms),
                merges = ours.merges + CASE taken WHEN 1 THEN 0 ELSE 1 + coalesce(theirs.merges, 0) END
            WHERE c.workspace_id = home AND c.customer_id = target;
            EXIT;
        EXCEPTION WHEN check_violation THEN NULL;
        END;
    END LOOP;

    -- The stricter consent wins (R50): unknown says nothing.
    INSERT INTO consents AS o (workspace_id, customer_id, customer_key, channel, subscription, status)
    SELECT home, target, ours.customer_key, s.channel, s.subscription, s.status
    FROM consents s
    WHERE s.workspace_id = home AND s.customer_id = source
    ORDER BY s.channel, s.subscription
    ON CONFLICT (workspace_id, customer_id, channel, subscription) DO UPDATE SET status = excluded.status
    WHERE array_position(ARRAY['unknown', 'subscribed', 'pending', 'unsubscribed'], excluded.status)
        > array_position(ARRAY['unknown', 'subscribed', 'pending', 'unsubscribed'], o.status);
    INSERT INTO suppressions (workspace_id, customer_id, customer_key, channel, reason)
    SELECT home, target, ours.customer_key, s.channel, s.reason
    FROM suppressions s
    WHERE s.workspace_id = home AND s.customer_id = source
    ORDER BY s.channel
    ON CONFLICT DO NOTHING;
    INSERT INTO segment_members (workspace_id, segment, customer_id, customer_key, member)
    SELECT home, s.segment, target, ours.customer_key, s.member
    FROM segment_members s
    WHERE s.workspace_id = home AND s.customer_id = source
    ORDER BY s.segment
    ON CONFLICT DO NOTHING;
    PERFORM merge_more(home, source, target);
    DELETE FROM customers c WHERE c.workspace_id = home AND c.customer_id = source;

    -- What people look at, in the order in which the projector locks it.
    PERFORM FROM runs r WHERE r.workspace_id = home AND r.customer_id = source ORDER BY r.run_id FOR UPDATE;
    UPDATE runs r SET customer_id = target WHERE r.workspace_id = home AND r.customer_id = source;
    PERFORM FROM messages m WHERE m.workspace_id = home AND m.customer_id = source ORDER BY m.send_id FOR UPDATE;
    UPDATE messages m SET customer_id = target WHERE m.workspace_id = home AND m.customer_id = source;
    UPDATE decisions d SET customer_id = target WHERE d.workspace_id = home AND d.customer_id = source AND NOT EXISTS (
        SELECT FROM decisions t WHERE t.workspace_id = home AND t.customer_id = target
            AND t.at = d.at AND t.decision_id = d.decision_id);
    DELETE FROM decisions d WHERE d.workspace_id = home AND d.customer_id = source;
    DELETE FROM segment_customers s WHERE s.workspace_id = home AND s.customer_id = source;
    gone := source;
    outcome := 'merged';
END $$;
