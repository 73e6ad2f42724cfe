"""Trace context: how a trace travels in gRPC metadata and record headers (W3C Trace Context, Recommendation of 2021).

Rule 1: what does not parse is no context, and is never sent on: a header comes from anybody.
Rule 2: of a later version what this one knows is read (§4.3); what is written is version 00.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEADER = "traceparent"

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_VERSION, _FIRST_VERSION = "ff", "00"
_SAMPLED = 1
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class TraceContext(NamedTuple):
    """A place in a trace: 32 and 16 hexadecimal digits, and whether the trace is recorded."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse(traceparent: str) -> TraceContext | None:
    """The context that a header's value names; None when it names none."""
    found = _FORM.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == _NO_VERSION or (version == _FIRST_VERSION and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def is_trace_id(text: str) -> bool:
    """Whether a trace may have this id. A matter's id may be one: it has as many digits."""
    return _TRACE_ID.fullmatch(text) is not None and text != _NO_TRACE


def exemplar(traceparent: str) -> dict[str, str] | None:
    """What goes beside an observation of a histogram: the trace that it belongs to, when that is recorded."""
    return {"trace_id": traceparent[3:35]} if traceparent.endswith("-01") else None
