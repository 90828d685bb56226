"""What can happen to a worker's disk: it is full, its files are spoilt, or an old copy of it comes back."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from laudstream import topics
from laudstream.local.stack import Stack
from tables.disk import META, rocks
from tables.origin import Meta
from tables.rocks import RocksMemory
from tests.integration.kit import Shop, exactly_once, leave, wait_for, wait_until

pytestmark = pytest.mark.faults

WORKER, OTHER = "journeys", "journeys-2"
DISK_MB = 160


def _stores(stack: Stack, worker: str = WORKER) -> Path:
    return stack.data / "worker" / worker


def _said(stack: Stack, worker: str = WORKER) -> str:
    return stack.part(worker).log.read_text()


@pytest.fixture
def small_disk(stack: Stack) -> Iterator[Path]:
    """The worker's data folder is a disk of DISK_MB while the test runs; it is stopped before and after."""
    folder = _stores(stack)
    asyncio.run(stack.part(WORKER).stop())
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        asyncio.run(stack.part(WORKER).start())
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    asyncio.run(stack.part(WORKER).kill())
    subprocess.run(["umount", folder], check=True)
    asyncio.run(stack.part(WORKER).start())
    if not stack.part(OTHER).alive:
        asyncio.run(stack.part(OTHER).start())


async def test_a_worker_whose_disk_is_full_ends_says_so_and_waits_for_room(small_disk: Path, shop: Shop) -> None:
    buy, stack = shop.name("buy"), shop.stack
    worker, other = stack.part(WORKER), stack.part(OTHER)
    await shop.publish(
        buy, {"look": wait_for(shop.name("paid"), "ok", "PT8S", "late"), "ok": leave("paid"), "late": leave("late")}
    )
    await worker.start()
    customers = [shop.name(f"c{n}") for n in range(300)]
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers[:100])
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * shutil.disk_usage(small_disk).free)
    await other.kill()  # its lanes come to the full disk
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers[100:200])
    await wait_until(lambda: not worker.alive, 60, "the worker with the full disk ends")
    said = _said(stack)
    assert "store_failed" in said
    assert "No space left on device" in said
    assert f"make room in {small_disk}" in said
    starting = asyncio.create_task(worker.start())
    await wait_until(lambda: "server=disk" in _said(stack), 60, "it says that it waits for room")
    assert f"stores need {64}: make room" in _said(stack)
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers[200:])
    ballast.unlink()
    await starting
    await other.start()
    await shop.handled()

    async def ended() -> bool:
        return sum(d.kind == "ended" for d in await shop.decisions(buy)) == len(customers)

    await wait_until(ended, 60, "every run has ended")
    found = await shop.decisions(buy)
    exactly_once(found)
    assert {d.outcome for d in found if d.kind == "ended"} == {"late"}


async def test_spoilt_stores_are_built_anew_and_nothing_is_missing(shop: Shop) -> None:
    buy, paid, stack = shop.name("buy"), shop.name("paid"), shop.stack
    await shop.publish(buy, {"look": wait_for(paid, "ok", "PT10M", "late"), "ok": leave("paid"), "late": leave("late")})
    customers = [shop.name(f"c{n}") for n in range(200)]
    await shop.batch({"type": "track", "userId": who, "event": buy} for who in customers)
    await shop.handled()
    await asyncio.gather(*(stack.part(name).stop() for name in (WORKER, OTHER)))
    spoilt = [*_stores(stack).glob("lane-*"), *_stores(stack, OTHER).glob("lane-*")]
    for store in spoilt:
        (store / "CURRENT").write_bytes(b"spoilt")
    await asyncio.gather(*(stack.part(name).start() for name in (WORKER, OTHER)))
    assert sum(_said(stack, name).count("store_rebuilt") for name in (WORKER, OTHER)) >= stack.settings.partitions
    for store in spoilt:  # of lanes that the other worker has now
        if (store / "CURRENT").read_bytes() == b"spoilt":
            shutil.rmtree(store)
    await shop.batch({"type": "track", "userId": who, "event": paid} for who in customers)
    await shop.handled()
    found = await shop.decisions(buy)
    exactly_once(found)
    assert [d.outcome for d in found if d.kind == "ended"] == ["paid"] * len(customers)


def _aged(folder: Path, days: int) -> None:
    """As if it had been in step so long before."""
    memory = RocksMemory(8, 8)
    families = {name: memory.options() for name in ("default", "timers", "history", "meta")}
    db = rocks.Rdict(str(folder), memory.options(), column_families=families)
    metas = db.get_column_family("meta")
    meta = msgspec.msgpack.decode(metas[META], type=Meta)
    written = msgspec.structs.replace(meta, written_at=meta.written_at - days * topics.DAY_MS)
    metas[META] = msgspec.msgpack.encode(written)
    metas.close()
    db.close()


async def test_a_customer_deleted_since_an_old_copy_of_a_store_does_not_come_back(shop: Shop) -> None:
    """A3: the changelog may have forgotten the deletion by then, so such a copy is not used at all."""
    buy, ann, stack = shop.name("buy"), shop.name("ann"), shop.stack
    await shop.publish(buy, {"done": leave("done")})
    await shop.identify(ann, plan="gold")
    await shop.track(ann, buy)
    await shop.handled(topics.EVENTS, topics.ROWS)
    lane = f"lane-{shop.partition(ann)}"
    await asyncio.gather(*(stack.part(name).stop() for name in (WORKER, OTHER)))
    folders = [_stores(stack, name) for name in (WORKER, OTHER)]
    copies = [shop.stack.data / shop.name(folder.name) for folder in folders]
    for folder, copy in zip(folders, copies, strict=True):
        shutil.copytree(folder, copy)
        if (copy / lane).exists():
            _aged(copy / lane, 8)
    aged = next(copy for copy in copies if (copy / lane).exists())
    for copy in copies:  # whoever gets the lane has the old copy
        if not (copy / lane).exists():
            shutil.copytree(aged / lane, copy / lane)
    await asyncio.gather(*(stack.part(name).start() for name in (WORKER, OTHER)))
    assert (
        await shop.pool.execute("DELETE FROM customers WHERE customer_key = $1", shop.key(ann).decode()) == "DELETE 1"
    )

    async def deleted() -> bool:
        return any(
            r.key == shop.key(ann) and b'"__deleted":"true"' in (r.value or b"")
            for r in await shop.records(topics.ROWS)
        )

    await wait_until(deleted, 60, "the deletion on laudstream.rows")
    await shop.handled(topics.ROWS)
    await asyncio.gather(*(stack.part(name).stop() for name in (WORKER, OTHER)))
    for folder, copy in zip(folders, copies, strict=True):
        shutil.rmtree(folder)
        copy.rename(folder)
    await asyncio.gather(*(stack.part(name).start() for name in (WORKER, OTHER)))
    await wait_until(
        lambda: "may have missed deletions" in _said(stack) + _said(stack, OTHER),
        60,
        "a worker says that it is too old",
    )
    assert "store_rebuilt" in _said(stack) + _said(stack, OTHER)
    await shop.track(ann, buy)
    await shop.handled()
    assert [d.kind for d in await shop.decisions(buy)].count("entered") == 2  # a new person: she may enter again
