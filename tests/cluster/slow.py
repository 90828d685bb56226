"""Three brokers, each behind a proxy: the way to one of them gets slow or narrow, or breaks at the worst moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import structlog

from laudstream.local import kafka
from laudstream.local.ports import Ports
from laudstream.local.stack import Stack
from tests.chaos.faults import After
from tests.chaos.schedule import Fault
from tests.chaos.watch import Outage
from tests.cluster.brokers import LEADER, TRANSACTIONS
from tests.cluster.faults import ClusterFaults
from tests.cluster.proxy import Proxy
from tests.conftest import SETTINGS

log = structlog.get_logger(__name__)

BESIDE = 50
"""From a broker's port to its proxy's."""
DELAY, NARROW, CUT, UNCERTAIN = "delay", "narrow", "cut", "uncertain"
DELAY_S, BYTES_S = 0.4, 30_000.0
TIMES = 8
"""So many cuts, or lost answers, one after the other."""

SLOW = (
    Fault(2, DELAY, LEADER, 15),
    Fault(4, NARROW, LEADER, 15),
    Fault(6, CUT, LEADER, 10),
    Fault(8, UNCERTAIN, TRANSACTIONS, 10),
    Fault(10, UNCERTAIN, "", 10),
)
"""The last one: of every broker."""


class Proxied(Stack):
    """A stack whose brokers tell everybody to come through their proxies: workers, clients and one another."""

    def __init__(self, data: Path, base: int, brokers: int) -> None:
        settings = msgspec.structs.replace(SETTINGS, replication=brokers)
        super().__init__(data, ports=Ports.above(base), workers=2, brokers=brokers, settings=settings)
        ports = {number: kafka.port_of(self.ports, number) for number in range(1, brokers + 1)}
        self.proxies = {kafka.name_of(n): Proxy(port + BESIDE, port) for n, port in ports.items()}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for proxy in self.proxies.values():
            await proxy.start()
            self._open.push_async_callback(proxy.stop)
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        await self._open.aclose()

    def _prepare(self) -> None:
        super()._prepare()
        for file in (self.data / "config").glob("server*.properties"):
            text = file.read_text()
            for proxy in self.proxies.values():
                address = "advertised.listeners=PLAINTEXT://127.0.0.1:"
                text = text.replace(f"{address}{proxy.target}\n", f"{address}{proxy.port}\n")
            file.write_text(text)


class SlowFaults(ClusterFaults):
    def __init__(self, stack: Proxied, after: After, faults: Iterable[Fault]) -> None:
        super().__init__(stack, after, faults)
        self._proxies = stack.proxies

    async def _do(self, fault: Fault) -> None:
        names = [await self._brokers.holder(fault.target)] if fault.target else list(self._proxies)
        proxies, began = [self._proxies[name] for name in names], time.monotonic()
        log.info("fault", kind=fault.kind, target=fault.target, broker=names, hold_s=fault.hold_s)
        telling = asyncio.ensure_future(self._after(fault, Outage(began, began)))
        for proxy in proxies:
            if fault.kind == DELAY:
                proxy.delay_s = DELAY_S
            elif fault.kind == NARROW:
                proxy.bytes_s = BYTES_S
            elif fault.kind == CUT:
                proxy.cut_requests = TIMES
            else:
                proxy.drop_answers = TIMES
        await asyncio.sleep(fault.hold_s)
        done = sum((proxy.done for proxy in proxies), start=type(proxies[0].done)())
        for proxy in proxies:
            proxy.heal()
            proxy.done.clear()
        if fault.kind in (CUT, UNCERTAIN) and not done.total():
            raise AssertionError(f"nothing was cut or lost: {fault}")
        await self._brokers.whole()
        await telling
        log.info("fault_over", target=fault.target, done=dict(done), seconds=round(time.monotonic() - began, 1))
        self._down.clear()
