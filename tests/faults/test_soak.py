"""The verdicts of the soak: what is flat is good, and each kind of growth is told. The soak itself is `make soak`."""

from __future__ import annotations

import re

import pytest
from tests.faults.sampling import MEBIBYTE, Sample
from tests.faults.soak import Stored, chart, judge, judge_database

MINUTES = 25


def samples(bytes_a_second: float = 0, files_a_minute: float = 0, threads_a_minute: float = 0) -> list[Sample]:
    """A process for 25 minutes, with 100 matters a second."""
    return [
        Sample(
            seconds, 100.0 * seconds, 100 * MEBIBYTE + int(bytes_a_second * seconds),
            20 + int(files_a_minute * seconds / 60), 9 + int(threads_a_minute * seconds / 60),
        )
        for seconds in range(0, 60 * MINUTES, 5)
    ]  # fmt: skip


def test_what_is_flat_is_good() -> None:
    assert judge("intake", samples()).good
    peak = samples()
    peak[100] = Sample(500.0, 50_000.0, 900 * MEBIBYTE, 90, 90)
    assert judge("intake", peak).good, "a single peak says nothing"


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (samples(bytes_a_second=20_000), "memory grew by 21"),
        (samples(files_a_minute=0.5), "open files more"),
        (samples(threads_a_minute=0.5), "threads more"),
    ],
)
def test_whatever_grows_is_told(of: list[Sample], why: str) -> None:
    verdict = judge("intake", of)
    assert not verdict.good
    assert why in verdict.why
    assert judge("kafka", of).good, "its caches are its own affair"


def test_what_supervision_keeps_of_each_matter_is_no_leak_and_more_is() -> None:
    assert judge("supervision", samples(bytes_a_second=100 * 250)).good
    assert not judge("supervision", samples(bytes_a_second=100 * 900)).good


def test_the_database_grows_by_its_matters_alone() -> None:
    def stored(bytes_a_matter: float, rows_a_minute: float = 0, more_each_minute: float = 0) -> list[Stored]:
        return [
            Stored(
                60.0 * minute, 6000 * minute,
                10_000_000 + int(6000 * minute * (bytes_a_matter + more_each_minute * minute)),
                int(rows_a_minute * minute),
            )
            for minute in range(MINUTES)
        ]  # fmt: skip

    assert judge_database(stored(17_000)).good
    assert "a matter takes" in judge_database(stored(1_000, more_each_minute=1_000)).why
    assert "rows more in outbox, parked" in judge_database(stored(17_000, rows_a_minute=100)).why


def test_the_chart_has_a_line_for_each_process() -> None:
    drawn = chart({"intake": samples(), "archive": samples(1000)})
    assert drawn.count("<polyline") == 2
    assert ">archive</text>" in drawn


def test_each_process_of_a_stack_has_a_colour_of_its_own() -> None:
    drawn = chart({f"process {number}": samples() for number in range(10)})
    assert len(set(re.findall(r'stroke="(#\w+)"', drawn))) == 10
