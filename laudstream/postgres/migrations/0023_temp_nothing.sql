-- TEMP: holds the place of a migration that is written on another branch.
SELECT 1;
