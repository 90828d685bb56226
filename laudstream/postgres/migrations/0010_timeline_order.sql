-- A timeline is read by the number of its decisions.
CREATE INDEX decisions_by_number ON decisions (workspace_id, customer_id, n DESC);
