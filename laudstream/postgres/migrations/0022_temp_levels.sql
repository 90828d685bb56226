-- TEMP: written on another branch.
CREATE TABLE levels (
    name text PRIMARY KEY,
    number int NOT NULL
);
INSERT INTO levels VALUES ('state_format', 3);
GRANT SELECT, INSERT, UPDATE ON levels TO laudstream_api, laudstream_worker;
