-- A key follows from the primary key, so it needs no uniqueness of its own. With it, two who inserted the same customer
-- at once could meet at the key's index first, where ON CONFLICT (workspace_id, customer_id) does not help.
ALTER TABLE customers DROP CONSTRAINT customers_customer_key_key;
CREATE INDEX customers_by_key ON customers (customer_key);
