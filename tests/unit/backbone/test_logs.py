"""A line of the log: its fields, and nothing that somebody else wrote."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from onematter.backbone.logs import JsonLines
from onematter.backbone.spans import traceparent_in_hand

SECRET = "330106199003071236"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told() -> Iterator[Told]:
    """What was logged so far, by a handler of the test's own."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines("approval", "approval-city"))
    names = ("onematter.test", "asyncio.test")
    for name in names:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for name in names:
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).propagate = True


ours, theirs = logging.getLogger("onematter.test"), logging.getLogger("asyncio.test")


def test_a_line_has_its_fields(told: Told) -> None:
    ours.info('two\nlines and a "quote" 办件 %d', 7, extra={"matter_id": TRACE, "duration_seconds": 0.25, "other": "x"})
    (line,) = told()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO",
        "service": "approval",
        "deployment": "approval-city",
        "logger": "onematter.test",
        "message": 'two\nlines and a "quote" 办件 7',
        "matter_id": TRACE,
        "duration_seconds": 0.25,
    }


def test_a_task_that_writes_in_a_trace_logs_in_it(told: Told) -> None:
    token = traceparent_in_hand.set(f"00-{TRACE}-00f067aa0ba902b7-00")
    try:
        ours.warning("within")
        ours.warning("another", extra={"trace_id": "b" * 32})
    finally:
        traceparent_in_hand.reset(token)
    ours.warning("without")
    within, another, without = told()
    assert within["trace_id"] == TRACE
    assert another["trace_id"] == "b" * 32
    assert "trace_id" not in without


def test_what_was_raised_is_told_by_type_and_place_and_not_by_its_text(told: Told) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"no such party {SECRET}") from error
    except ValueError:
        ours.exception("a method failed")
    (line,) = told()
    assert line["error"] == "ValueError: KeyError"
    assert "test_what_was_raised" in line["stack"][-1]
    assert SECRET not in json.dumps(line)


def test_of_others_only_the_first_line_is_told(told: Told) -> None:
    theirs.error(f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{SECRET}')>")
    (line,) = told()
    assert line["message"] == "Task exception was never retrieved"


def test_a_line_that_cannot_be_formatted_is_told_as_it_is() -> None:
    record = logging.LogRecord("onematter.test", logging.ERROR, "", 1, "%d of %d", ("one",), None)
    assert json.loads(JsonLines("intake", "intake").format(record))["message"] == "%d of %d"


def test_a_message_is_bounded(told: Told) -> None:
    ours.error("x" * 10_000)
    assert len(told()[0]["message"]) == 2000


ENDS = """
import logging, threading, warnings
from onematter.backbone import logs
logs.set_up("intake", "intake")
warnings.warn("careful")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise ValueError("330106199003071236")
"""


def test_what_ends_a_process_is_such_a_line_too() -> None:
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    warned, thread, process = (json.loads(line) for line in done.stderr.splitlines())
    assert (warned["level"], warned["logger"]) == ("WARNING", "py.warnings")
    assert (thread["level"], thread["error"]) == ("CRITICAL", "ZeroDivisionError")
    assert (process["level"], process["error"]) == ("CRITICAL", "ValueError")
    assert SECRET not in done.stderr
