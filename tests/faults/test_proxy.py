"""The proxy by itself, between a client and a server that answers with what it was asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.faults import proxy as network
from tests.faults.tcp import CALM, Proxy, Way, Weather
from tests.tail import poll

SECONDS = 5.0
SHORT_SECONDS = 0.3


class Echo:
    """Answers with what it was asked, and keeps it."""

    def __init__(self) -> None:
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                while data := connection.recv(1 << 16):
                    if data == b"stop":
                        return
                    self.heard += data
                    connection.sendall(data)

    def close(self) -> None:
        with closing(socket.create_connection(("127.0.0.1", self.port), SECONDS)) as last:
            last.sendall(b"stop")
        self._thread.join(SECONDS)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with closing(Echo()) as server:
        yield server


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as led:
        yield led


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", proxy.port), SECONDS)) as connection:
        yield connection


def asked(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return exactly(client, len(data))


def exactly(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        data = client.recv(1 << 16)
        assert data, "the connection ended"
        got += data
    return got


def nothing(client: socket.socket) -> None:
    client.settimeout(SHORT_SECONDS)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(SECONDS)


def test_in_calm_weather_all_bytes_pass_in_order(proxy: Proxy, client: socket.socket) -> None:
    data = bytes(range(256)) * 4000
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert exactly(client, len(data)) == data
    sender.join()
    assert proxy.passed == {Way.ASKED: len(data), Way.ANSWERED: len(data)}


def test_delay_and_bandwidth_make_it_late_and_change_nothing(proxy: Proxy, client: socket.socket) -> None:
    proxy.turn(Weather(delay_seconds=0.2))
    began = time.monotonic()
    assert asked(client, b"late") == b"late"
    assert time.monotonic() - began >= 0.4
    proxy.turn(Weather(bytes_per_second=100_000))
    began = time.monotonic()
    assert asked(client, b"x" * 20_000) == b"x" * 20_000
    assert time.monotonic() - began >= 0.4


def test_a_cut_connection_is_reset_and_a_new_one_is_taken(proxy: Proxy, client: socket.socket) -> None:
    assert asked(client, b"one") == b"one"
    assert proxy.cut() == 1
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with closing(socket.create_connection(("127.0.0.1", proxy.port), SECONDS)) as another:
        assert asked(another, b"two") == b"two"


def test_what_hangs_goes_on_where_it_was(echo: Echo, proxy: Proxy, client: socket.socket) -> None:
    assert asked(client, b"one") == b"one"
    proxy.turn(Weather(hangs=True))
    client.sendall(b"two")
    nothing(client)
    assert echo.heard == b"one"
    proxy.turn(CALM)
    assert exactly(client, 3) == b"two"


@pytest.mark.parametrize("way", Way)
def test_one_way_loss_swallows_that_way_alone_and_ends_with_a_reset(
    echo: Echo, proxy: Proxy, client: socket.socket, way: Way
) -> None:
    assert asked(client, b"one") == b"one"
    proxy.turn(Weather(lost=frozenset({way})))
    client.sendall(b"two")
    nothing(client)
    poll(lambda: proxy.swallowed[way] == 3, "what was swallowed", SECONDS)
    assert echo.heard == (b"onetwo" if way is Way.ANSWERED else b"one")
    proxy.turn(CALM)
    # Bytes are missing in it: it must not go on as if they were not.
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_server_that_is_away_is_a_reset(proxy: Proxy, echo: Echo) -> None:
    proxy.upstream = 1
    with (
        pytest.raises(ConnectionResetError),
        closing(socket.create_connection(("127.0.0.1", proxy.port), SECONDS)) as one,
    ):
        one.recv(1)
    proxy.upstream = echo.port


def led_through(echo: Echo) -> Any:
    """As much of a world as the faults of the network ask for; whoever is started talks through both proxies."""

    def restart(_: str, *, environment: dict[str, str]) -> None:
        kafka = environment["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2]
        postgres = environment["DATABASE_URL"].rpartition(":")[2]
        for port in (kafka, postgres):
            with closing(socket.create_connection(("127.0.0.1", int(port)), SECONDS)) as connection:
                connection.sendall(b"hello")
                assert connection.recv(5) == b"hello"

    processes = {name: SimpleNamespace(alive=lambda: True) for name in ("one", "other")}
    return SimpleNamespace(
        database_url=f"postgresql://me:mine@127.0.0.1:{echo.port}", services=tuple(processes), restart=restart,
        wait_ready=lambda *_: None, process=processes.get,
    )  # fmt: skip


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch, echo: Echo) -> Iterator[None]:
    monkeypatch.setattr(network, "DETOUR_LISTENING", echo.port)
    monkeypatch.setattr(network, "SHORT_SECONDS", SHORT_SECONDS)
    yield
    network.Slow().verify(cast(Any, None))


@pytest.mark.usefixtures("weather")
def test_two_faults_of_the_network_share_the_one_door(echo: Echo) -> None:
    world = led_through(echo)
    # As in one round: each strikes and heals, and only then all are judged.
    first, second = network.Slow(), network.Slow()
    for fault in (first, second):
        assert fault.strike(world, Random(1)) == 2
        fault.heal(world)
    for fault in (first, second):
        assert fault.verify(world) == ()


@pytest.mark.usefixtures("weather")
def test_a_door_that_is_taken_is_told_and_leaves_nothing_to_be_healed(echo: Echo) -> None:
    world, fault = led_through(echo), network.Slow()
    with Proxy(echo.port, network.DETOUR_ADVERTISED), pytest.raises(OSError, match="in use"):
        fault.strike(world, Random(1))
    fault.heal(world)
    assert fault.strike(world, Random(1)) == 2
    fault.heal(world)
