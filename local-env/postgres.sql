-- Roles and database, run once by a superuser before the first migration. @password@ is filled in.
-- For a PostgreSQL of your own: give each role its own password. wal_level must be logical.

-- owns everything, runs migrations
CREATE ROLE laudstream LOGIN PASSWORD '@password@';

-- the API: row-level security holds it to one workspace
CREATE ROLE laudstream_api LOGIN PASSWORD '@password@';

-- workers and import: all workspaces
CREATE ROLE laudstream_worker LOGIN BYPASSRLS PASSWORD '@password@';

-- Debezium: the replication slot; its snapshot SELECTs the captured tables of all workspaces
CREATE ROLE laudstream_cdc LOGIN REPLICATION BYPASSRLS PASSWORD '@password@';

CREATE DATABASE laudstream OWNER laudstream;
