"""Connections to PostgreSQL, set up the same way everywhere.

`json` and `jsonb` parameters are Python values (msgspec encodes them: Structs too) and results are decoded by
orjson, also in COPY. All other types are asyncpg's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import msgspec
import orjson

from laudstream.errors import Invalid, Unavailable

if TYPE_CHECKING:  # generic in asyncpg's stubs, not at run time
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
"""A statement that takes longer is cancelled."""

BY_INDEX: Mapping[str, str] = MappingProxyType({"enable_seqscan": "off"})
"""For connections that look rows up by key and never read a whole table: what the planner knows of a table lags behind
one that grows fast, and a scan that it chose while the table was empty took 40 ms a batch a minute later. Joins are
left to it: without hash joins, a sender with a backlog halved its rate."""

_encode = msgspec.json.Encoder().encode
_JSONB_VERSION = b"\x01"  # first byte of jsonb on the wire


def _to_jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + _encode(value)


def _from_jsonb(data: bytes) -> Any:
    return orjson.loads(data[1:])


class _Stateless(asyncpg.Connection):
    """Nothing to reset but an open transaction, which asyncpg ends by itself."""

    def get_reset_query(self) -> str:
        return ""


async def set_codecs(connection: Connection) -> None:
    """Make `json` and `jsonb` Python values on this connection."""
    for name, encoder, decoder in (("jsonb", _to_jsonb, _from_jsonb), ("json", _encode, orjson.loads)):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="binary")


async def connect(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    command_timeout_s: float = COMMAND_TIMEOUT_S,
    application: str = "laudstream",
    planner: Mapping[str, str] | None = None,
) -> Pool:
    """An open pool; close it with `await pool.close()`.

    `application` is what pg_stat_activity shows. `planner`: settings of the session, for workers; their statements
    leave no state behind, so that a connection goes back to the pool without a round trip.

    Raises Unavailable where PostgreSQL does not answer within CONNECT_TIMEOUT_S, Invalid where it answers and refuses
    (role, password, database, address).
    """
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s,
            server_settings={"application_name": application, "jit": "off", **(planner or {})},
            init=set_codecs,
            connection_class=asyncpg.Connection if planner is None else _Stateless,
        )
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        ValueError,
        OverflowError,
    ) as error:
        raise Invalid(f"PostgreSQL refuses {redacted(dsn)}: {error}") from error
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Unavailable(f"PostgreSQL does not answer at {redacted(dsn)}: {error or 'no answer in time'}") from error


def redacted(dsn: str) -> str:
    """The address without its password."""
    scheme, _, rest = dsn.partition("://")
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}{':…' if colon else ''}{at}{place}"
