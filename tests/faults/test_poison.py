"""The poison itself, and what the judgement of its dead letters and of the logs sees."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from tests.faults.auditor.evidence import Entry
from tests.faults.auditor.topology import COMMAND_TYPES, DEAD_LETTERS, EVENT_TYPES, OWNERS, SUBMISSIONS
from tests.faults.poison import (
    DEAD,
    ID_CARD,
    PASSED,
    READ,
    Poison,
    by_anyone,
    garbage,
    leaks,
    on_commands,
    on_events,
    reasons,
)

PARTITIONS = 4
LETTERS = DEAD_LETTERS[0]


@dataclass
class Told:
    """A world in which these reasons were told, and these logs written."""

    directory: Path
    letters: list[Entry] = field(default_factory=list[Entry])

    @property
    def watch(self) -> Any:
        return SimpleNamespace(records={topic: self.letters if topic == LETTERS else [] for topic in DEAD_LETTERS})

    def tell(self, offset: int, reason: str) -> None:
        headers = {
            "dead_letter_topic": SUBMISSIONS.encode(),
            "dead_letter_partition": b"0",
            "dead_letter_offset": b"%d" % offset,
            "dead_letter_reason": reason.encode(),
        }
        self.letters.append(Entry(LETTERS, 0, len(self.letters), 0, "", b"", headers))


@pytest.fixture
def world(tmp_path: Path) -> Any:
    (tmp_path / "logs").mkdir()
    return Told(tmp_path)


def poison(expected: str = DEAD) -> dict[tuple[str, int, int], Poison]:
    return {(SUBMISSIONS, 0, 7): Poison("random bytes", SUBMISSIONS, b"\xff\x01", b"k", expected, "undecodable")}


def test_the_right_reason_is_well(world: Any) -> None:
    world.tell(7, "undecodable: not an onematter.intake.v1.IntakeCommand")
    assert list(reasons(world, poison())) == []


def test_no_letter_another_reason_and_personal_data_are_found(world: Any) -> None:
    assert [one.kind for one in reasons(world, poison())] == ["lost"]
    world.tell(7, "failed: KeyError")
    assert [one.kind for one in reasons(world, poison())] == ["wrong"]
    world.letters.clear()
    world.tell(7, f"undecodable: {ID_CARD}")
    assert [one.what for one in reasons(world, poison())] == ["its reason repeats personal data"]


def test_a_letter_of_what_should_be_passed_over_is_found(world: Any) -> None:
    assert list(reasons(world, poison(PASSED))) == []
    world.tell(7, "undecodable")
    assert [one.kind for one in reasons(world, poison(PASSED))] == ["wrong"]


def test_personal_data_in_a_log_are_found_without_being_repeated(world: Any) -> None:
    log = world.directory / "logs" / "intake.log"
    log.write_text("WARNING step given up: rerun\n")
    assert list(leaks(world)) == []
    log.write_text(f"WARNING no such party {ID_CARD}\n")
    (found,) = leaks(world)
    assert "intake" in found.where
    assert ID_CARD not in str(found)


@pytest.mark.parametrize("seed", range(20))
def test_garbage_is_no_message_of_any_topic(seed: int) -> None:
    value = garbage(random.Random(seed))
    for kind in {*COMMAND_TYPES.values(), *EVENT_TYPES.values()}:
        with pytest.raises(DecodeError):
            kind.FromString(value)


def test_every_topic_that_is_read_gets_each_kind() -> None:
    rng = random.Random(1)
    for topic in READ:
        found = [
            *by_anyone(rng, topic),
            *(on_commands(rng, topic, PARTITIONS) if topic in OWNERS else on_events(rng, topic)),
        ]
        assert {one.topic for one in found} == {topic}
        kinds = {one.what.partition(",")[0] for one in found}
        assert {"random bytes", "tombstone", "oversized", "half a stream", "a long key"} <= kinds
        if topic in OWNERS:
            assert {"unknown type", "unknown version", "no key", "no headers", "wrong partition"} <= kinds
