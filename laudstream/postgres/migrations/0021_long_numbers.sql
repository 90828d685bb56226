-- What attributes are as text is bounded too: a number like 1e300 takes ten bytes of a jsonb, and 301 of what CDC and
-- queries hand out. Rows that are there already are not looked at. Older parts go on with it.

ALTER TABLE customers ADD CONSTRAINT customers_attributes_as_text CHECK (octet_length(attributes::text) <= 262144) NOT VALID;
