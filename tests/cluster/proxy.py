"""A TCP proxy in front of a broker: slow, narrow, or cut in the middle of what it carries."""

from __future__ import annotations

import asyncio
from collections import Counter

END_TXN, PRODUCE = 26, 0
"""Kinds of requests (API keys)."""
_CHUNK = 1 << 16


class Proxy:
    def __init__(self, port: int, target: int) -> None:
        """Listens on `port`, and carries everything to the broker on `target` and back."""
        self.port, self.target = port, target
        self.delay_s = 0.0
        """Each piece is carried so much later, in both directions."""
        self.bytes_s = 0.0
        """At most so many bytes a second, in each direction of each connection; 0: as many as there are."""
        self.cut_requests = 0
        """So many more requests to write records are cut in the middle, and their connections with them."""
        self.drop_answers = 0
        """So many more answers to the end of a transaction are lost: the request has gone through by then."""
        self.done: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def heal(self) -> None:
        self.delay_s = self.bytes_s = 0.0
        self.cut_requests = self.drop_answers = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        writers = [writer]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 20)
            writers.append(back)
            ends: set[int] = set()
            ways = [
                asyncio.ensure_future(self._requests(reader, back, ends)),
                asyncio.ensure_future(self._answers(there, writer, ends)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the broker is away, or we stop
        finally:
            self._carrying.discard(task)
            for each in writers:
                each.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[int]) -> None:
        while True:
            size = await reader.readexactly(4)
            frame = size + await reader.readexactly(int.from_bytes(size, "big"))
            kind, correlation = int.from_bytes(frame[4:6], "big"), int.from_bytes(frame[8:12], "big")
            if kind == PRODUCE and self.cut_requests:
                self.cut_requests -= 1
                self.done["cut"] += 1
                writer.write(frame[: len(frame) // 2])
                await writer.drain()
                return
            if kind == END_TXN:
                ends.add(correlation)
            await self._carry(writer, frame)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[int]) -> None:
        while True:
            size = await reader.readexactly(4)
            frame = size + await reader.readexactly(int.from_bytes(size, "big"))
            correlation = int.from_bytes(frame[4:8], "big")
            if correlation in ends:
                ends.discard(correlation)
                if self.drop_answers:
                    self.drop_answers -= 1
                    self.done["dropped"] += 1
                    return
            await self._carry(writer, frame)

    async def _carry(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if not self.bytes_s:
            writer.write(frame)
            await writer.drain()
            return
        for at in range(0, len(frame), _CHUNK):
            piece = frame[at : at + _CHUNK]
            await asyncio.sleep(len(piece) / self.bytes_s if self.bytes_s else 0.0)
            writer.write(piece)
            await writer.drain()
