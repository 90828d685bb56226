-- Customers and what is captured into laudstream.rows (A16).

CREATE SEQUENCE row_revision;

CREATE TABLE customers (
    workspace_id text NOT NULL REFERENCES workspaces,
    customer_id text NOT NULL CHECK (length(customer_id) BETWEEN 1 AND 200),
    customer_key text NOT NULL UNIQUE CHECK (customer_key = workspace_id || ':' || customer_id),
    born bigint NOT NULL,
    revision bigint NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object' AND pg_column_size(attributes) <= 65536),
    writes bigint NOT NULL DEFAULT 0,          -- number of the last write of a lane in this row (A19)
    created_ms bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, customer_id)
);
CREATE INDEX customers_by_email ON customers (workspace_id, lower(attributes->>'email'));
CREATE INDEX customers_by_age ON customers (workspace_id, created_ms DESC, customer_id);

CREATE TABLE consents (
    workspace_id text NOT NULL,
    customer_id text NOT NULL,
    customer_key text NOT NULL,
    channel text NOT NULL,
    subscription text NOT NULL DEFAULT '',     -- '' = the whole channel
    status text NOT NULL CHECK (status IN ('subscribed', 'unsubscribed', 'pending', 'unknown')),
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, customer_id, channel, subscription),
    FOREIGN KEY (workspace_id, customer_id) REFERENCES customers ON DELETE CASCADE
);

CREATE TABLE suppressions (
    workspace_id text NOT NULL,
    customer_id text NOT NULL,
    customer_key text NOT NULL,
    channel text NOT NULL,
    reason text NOT NULL,
    revision bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, customer_id, channel),
    FOREIGN KEY (workspace_id, customer_id) REFERENCES customers ON DELETE CASCADE
);

CREATE TABLE heartbeat (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
INSERT INTO heartbeat (id) VALUES (1);

CREATE FUNCTION number_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := nextval('row_revision');
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION number_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.customer_key := NEW.workspace_id || ':' || NEW.customer_id;
    NEW.revision := nextval('row_revision');
    NEW.updated_at := clock_timestamp();
    NEW.born := CASE TG_OP WHEN 'INSERT' THEN NEW.revision ELSE OLD.born END;
    RETURN NEW;
END $$;

CREATE TRIGGER number_customer BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION number_customer();
CREATE TRIGGER number_consent BEFORE INSERT OR UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION number_row();
CREATE TRIGGER number_suppression BEFORE INSERT OR UPDATE ON suppressions FOR EACH ROW EXECUTE FUNCTION number_row();

ALTER TABLE customers REPLICA IDENTITY FULL;
ALTER TABLE consents REPLICA IDENTITY FULL;
ALTER TABLE suppressions REPLICA IDENTITY FULL;
CREATE PUBLICATION laudstream FOR TABLE customers, consents, suppressions, heartbeat;
