"""PostgreSQL: pool, migrations, named queries."""

from laudstream.postgres.named_queries import Queries, queries
from laudstream.postgres.pool import connect

__all__ = ["Queries", "connect", "queries"]
