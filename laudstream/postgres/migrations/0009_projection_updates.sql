-- Runs, messages and counters are updated again and again: with room in the page, and no index on what changes, an
-- update touches no index. A customer's messages are listed by when they were requested, as everywhere.
ALTER TABLE runs SET (fillfactor = 70);
ALTER TABLE messages SET (fillfactor = 70);
ALTER TABLE step_counts SET (fillfactor = 50);
DROP INDEX messages_by_customer;
CREATE INDEX messages_by_customer ON messages (workspace_id, customer_id, requested_at DESC);
