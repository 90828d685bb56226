-- What attributes are as text is bounded too: a number like 1e300 takes ten bytes of a jsonb, and 301 of what CDC and
-- queries hand out. So is how deep they are nested, for readers of JSON have a limit each. Rows that are there already are
-- not looked at. Older parts go on with it.

ALTER TABLE customers ADD CONSTRAINT customers_attributes_as_text CHECK (octet_length(attributes::text) <= 262144) NOT VALID;
ALTER TABLE customers ADD CONSTRAINT customers_attributes_deep
    CHECK (NOT jsonb_path_exists(attributes, '$.**{101 to last}')) NOT VALID;
