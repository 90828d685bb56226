-- Deliveries come at least once: each kind of delivery of a message counts once, whoever repeats it (A22).
ALTER TABLE messages ADD COLUMN kinds int NOT NULL DEFAULT 0;  -- a bit per kind seen, in the order of delivery.KINDS
