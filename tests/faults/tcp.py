"""A small TCP proxy on the loopback interface, with a weather that can be changed while connections are open.

What a connection was given is passed on whole and in order, or the connection ends: TCP never corrupts. So a connection
of which bytes were swallowed is reset before others of its bytes could go on.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self, TypeVar

from onematter.local.ports import LOOPBACK

T = TypeVar("T")

CHUNK_BYTES = 64 * 1024
CALL_SECONDS = 10.0


class Way(Enum):
    """The direction of bytes: what a service asks, or what it is answered."""

    ASKED = "asked"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Weather:
    """How the proxy treats bytes. `delay_seconds` each chunk; `bytes_per_second` 0: no limit; `lost`: swallowed."""

    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0
    hangs: bool = False
    lost: frozenset[Way] = frozenset()


CALM = Weather()


class _Connection:
    """One connection through the proxy; `spoilt` when bytes of it were swallowed."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.spoilt = False

    def reset(self) -> None:
        """End both sides with RST."""
        for writer in self.writers:
            with suppress(OSError):
                end: socket.socket = writer.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Leads `port` of the loopback interface to `upstream`. A context manager; its thread is its own."""

    def __init__(self, upstream: int, port: int = 0) -> None:
        self.upstream, self.port = upstream, port
        self.weather = CALM
        self.passed = dict.fromkeys(Way, 0)
        self.swallowed = dict.fromkeys(Way, 0)
        self.resets = 0
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{upstream}", daemon=True)
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        # Not before: one that never begins has nothing to be closed.
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        try:
            self._do(self._open)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close)
        self._end()

    def turn(self, weather: Weather) -> None:
        """Change the weather; connections of which bytes were swallowed before are reset."""

        async def change() -> None:
            self._reset(lambda one: one.spoilt)
            self.weather = weather
            self._changed.set()
            self._changed = asyncio.Event()

        self._do(change)

    def cut(self) -> int:
        """Reset every connection; returns how many there were."""

        async def reset() -> int:
            return self._reset(lambda _: True)

        return self._do(reset)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    def _do(self, act: Callable[[], Awaitable[T]]) -> T:
        async def acted() -> T:
            return await act()

        return asyncio.run_coroutine_threadsafe(acted(), self._loop).result(CALL_SECONDS)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._reset(lambda _: True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _reset(self, which: Callable[[_Connection], bool]) -> int:
        found = [one for one in self._connections if which(one)]
        for one in found:
            self._connections.discard(one)
            one.reset()
        self.resets += len(found)
        return len(found)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._hold()
        try:
            to_reader, to_writer = await asyncio.open_connection(LOOPBACK, self.upstream)
        except OSError:
            _Connection(writer).reset()
            return
        connection = _Connection(writer, to_writer)
        self._connections.add(connection)
        try:
            await asyncio.gather(
                self._pass(connection, reader, to_writer, Way.ASKED),
                self._pass(connection, to_reader, writer, Way.ANSWERED),
            )
        except (OSError, asyncio.CancelledError):
            connection.reset()
        finally:
            self._connections.discard(connection)
            for end in connection.writers:
                end.close()

    async def _pass(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._hold()
            weather = self.weather
            if way in weather.lost:
                connection.spoilt = True
                self.swallowed[way] += len(chunk)
                continue
            if weather.delay_seconds:
                await asyncio.sleep(weather.delay_seconds)
            if weather.bytes_per_second:
                await asyncio.sleep(len(chunk) / weather.bytes_per_second)
            self.passed[way] += len(chunk)
            writer.write(chunk)
            await writer.drain()
        if connection.spoilt:
            connection.reset()
        elif writer.can_write_eof():
            writer.write_eof()

    async def _hold(self) -> None:
        while self.weather.hangs:
            await self._changed.wait()
