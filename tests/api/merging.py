"""Merges as the API makes them in PostgreSQL: in its role, one transaction each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laudstream.postgres import queries, tenancy

if TYPE_CHECKING:
    from laudstream.postgres.pool import Pool

SQL = queries("identities")
ACCEPTED = {"success": True, "accepted": 1, "rejected": []}


class People:
    """The customers of one workspace: `api` is a pool in the role of the API, `owner` in that of the owner."""

    def __init__(self, api: Pool, owner: Pool, workspace: str) -> None:
        self.api, self.owner, self.workspace = api, owner, workspace

    async def merge(self, source: str, target: str, how: str = "asked") -> tuple[str, str]:
        """(root, outcome)."""
        async with tenancy.workspace(self.api, self.workspace) as connection:
            row = await connection.fetchrow(SQL["merge"], self.workspace, source, target, how)
        return row["kept"], row["outcome"]

    async def add(self, id: str, known: bool = True, created: int = 1_000, **attributes: Any) -> None:
        await self.owner.execute(
            """INSERT INTO customers (workspace_id, customer_id, attributes, known, created_ms)
            VALUES ($1, $2, $3, $4, $5)""",
            self.workspace, id, attributes, known, created,
        )  # fmt: skip

    async def row(self, id: str) -> dict[str, Any] | None:
        found = await self.owner.fetchrow(
            "SELECT * FROM customers WHERE workspace_id = $1 AND customer_id = $2", self.workspace, id
        )
        return None if found is None else dict(found)

    async def attributes(self, id: str) -> Any:
        row = await self.row(id)
        return row and row["attributes"]

    async def aliases(self) -> dict[str, str]:
        rows = await self.owner.fetch("SELECT alias, root FROM identities WHERE workspace_id = $1", self.workspace)
        return {row["alias"]: row["root"] for row in rows}

    async def of(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of the workspace, in order."""
        names = ", ".join(columns)
        rows = await self.owner.fetch(
            f"SELECT {names} FROM {table} WHERE workspace_id = $1 ORDER BY {names}", self.workspace
        )
        return [tuple(row) for row in rows]

    async def put(self, table: str, customer: str, **values: Any) -> None:
        """A row of a table beside customers."""
        row = {"workspace_id": self.workspace, "customer_id": customer, **values}
        places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.owner.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())


def track(user: str, event: str = "e", **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": event, **more}
