"""The trace context in headers: W3C Trace Context, §3.2 (traceparent) and §4.3 (versions)."""

from __future__ import annotations

import pytest

from onematter.contracts.traces import TraceContext, exemplar, is_trace_id, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        # Only the last bit is known; level 2 has a second.
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-02", False),
        # A later version is read as far as this one is known.
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", True),
    ],
)
def test_what_is_a_context(text: str, sampled: bool) -> None:
    assert parse(text) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-trace",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01.later",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0g",
        "王小明",
    ],
)
def test_what_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(("sampled", "flags"), [(True, "01"), (False, "00")])
def test_what_is_written(sampled: bool, flags: str) -> None:
    assert TraceContext(TRACE, SPAN, sampled).traceparent == f"00-{TRACE}-{SPAN}-{flags}"


def test_a_matters_id_can_be_a_trace_and_other_texts_cannot() -> None:
    assert is_trace_id("6f1c2e0b9a8d4c7f8e2b3a4d5c6f7081")
    for text in ("", "0" * 32, "6F1C2E0B9A8D4C7F8E2B3A4D5C6F7081", "330106199003071236", f"{TRACE}\n", f"{TRACE}0"):
        assert not is_trace_id(text)


def test_only_what_is_recorded_is_an_exemplar() -> None:
    assert exemplar(f"00-{TRACE}-{SPAN}-01") == {"trace_id": TRACE}
    assert exemplar(f"00-{TRACE}-{SPAN}-00") is None
    assert exemplar("") is None
