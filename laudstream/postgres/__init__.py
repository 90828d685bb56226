"""PostgreSQL: pool, migrations, named queries."""
