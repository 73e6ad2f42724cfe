"""A load that goes wrong says so, and leaves nobody behind who goes on handing in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from tests.addresses import free_address
from tests.faults import load
from tests.faults.book import Book
from tests.faults.clients import Clients
from tests.faults.load import Load
from tests.faults.watch import Watch

# More than there are threads: some wait for their turn.
MATTERS = load.THREADS + 6
# No more than `begin` was asked for.
NO_TRICKLE = 0.001


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Load, Clients]]]:
    """Makes a load upon clients for whom nobody is there: they ask again and again. Hand-ins by gRPC alone."""
    made: list[tuple[Load, Clients]] = []
    monkeypatch.setattr(load, "WEIGHTS", {"by_grpc": 1})
    monkeypatch.setattr(load, "SPREAD_SECONDS", 0.1)
    away = free_address()

    def make(address_of: Callable[[str], str] = lambda _: away, patience_seconds: float = 600) -> tuple[Load, Clients]:
        book = Book()
        clients = Clients(away, address_of, book, patience_seconds)
        made.append((Load(clients, Watch(away, ()), book, 1, NO_TRICKLE), clients))
        return made[-1]

    yield make
    for one, clients in made:
        one.close()
        clients.close()


def test_stories_that_are_not_begun_in_time_are_told(opened: Callable[..., tuple[Load, Clients]]) -> None:
    one, _ = opened()
    with pytest.raises(AssertionError, match="0 of 1 stories were begun, and nobody begins more"):
        one.wait(1)
    one.begin(2)
    one.wait(2)
    with pytest.raises(AssertionError, match=r"2 of 3 stories were begun within 0\.1 s"):
        one.wait(3, seconds=0.1)


def test_a_feeder_that_dies_fails_the_load(
    opened: Callable[..., tuple[Load, Clients]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "WEIGHTS", {"no_such_story": 1})
    one, _ = opened()
    one.begin(MATTERS)
    with pytest.raises(AssertionError, match=f"0 of {MATTERS} stories were begun, and nobody begins more"):
        one.wait(MATTERS)
    with pytest.raises(AttributeError, match="no_such_story"):
        one.finish()


def test_a_story_that_breaks_ends_the_others(opened: Callable[..., tuple[Load, Clients]]) -> None:
    lock, asked, away = threading.Lock(), [0], free_address()

    def address_of(deployment: str) -> str:
        with lock:
            asked[0] += 1
            if asked[0] == 1:
                raise LookupError(f"{deployment} has no address")
        return away

    one, clients = opened(address_of)
    one.begin(MATTERS)
    one.wait(MATTERS)
    with pytest.raises(LookupError, match="intake has no address"):
        one.finish()
    assert one.open == 0
    # The next load's clients wait for their answers again.
    one.begin(1)
    one.wait(1)
    assert not clients.closing.is_set()
    assert one.open == 1


def test_clients_without_an_answer_are_counted_and_go_home(opened: Callable[..., tuple[Load, Clients]]) -> None:
    one, _ = opened(patience_seconds=0.5)
    one.begin(MATTERS)
    one.wait(MATTERS)
    with pytest.raises(AssertionError, match=f"{MATTERS} clients have no answer, as "):
        one.finish()
    assert one.open == 0
