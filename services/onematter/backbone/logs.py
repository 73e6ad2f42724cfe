"""Logs: one JSON object a line on stderr, for whoever gathers them.

Every line has `time` (RFC 3339, UTC), `level`, `service`, `deployment`, `logger` and `message`; where there are some,
also `matter_id` and `trace_id`; of a gRPC request `method`, `code` and `duration_seconds`; of an error `error`, the
names of what was raised, and `stack`, where.

Rule 1: no personal data. What was raised is told by its type and place and never by its text, which may quote data; of
other people's loggers the first line counts, since what follows is often a text of an exception.
Rule 2: an id that came from outside is told when it has an id's form; anything else may be anything.
Rule 3: whatever a process writes to stderr is such a line, what ends it too.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from onematter.backbone.spans import traceparent_in_hand
from onematter.contracts.traces import parse

OURS = "onematter"
FIELDS = ("matter_id", "trace_id", "method", "code", "duration_seconds")
MAX_MESSAGE_CHARACTERS = 2000
MAX_FRAMES = 30

logger = logging.getLogger(OURS)


class JsonLines(logging.Formatter):
    """See the module."""

    def __init__(self, service: str, deployment: str) -> None:
        super().__init__()
        self._of = {"service": service, "deployment": deployment}

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        document: dict[str, Any] = {
            "time": time.removesuffix("+00:00") + "Z",
            "level": record.levelname,
            **self._of,
            "logger": record.name,
            "message": _message_of(record),
        }
        for name in FIELDS:
            value = record.__dict__.get(name)
            if value not in (None, ""):
                document[name] = value
        if "trace_id" not in document and (context := parse(traceparent_in_hand.get())) is not None:
            document["trace_id"] = context.trace_id
        if record.exc_info and record.exc_info[1] is not None:
            document["error"] = ": ".join(_types_of(record.exc_info[1]))
            document["stack"] = _places_of(record.exc_info[2])
        return json.dumps(
            document, ensure_ascii=False, separators=(",", ":"), default=lambda value: type(value).__name__
        )


def set_up(service: str, deployment: str, level: str | int = logging.INFO, stream: TextIO | None = None) -> None:
    """Log so from now on, to stderr by default; what ends the process or a thread of it too."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(service, deployment))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _excepthook
    threading.excepthook = lambda told: _told(f"thread {told.thread and told.thread.name} ended", told.exc_value)


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _told("the process ended", error.with_traceback(trace))


def _told(what: str, error: BaseException | None) -> None:
    logger.critical(what, exc_info=(type(error), error, error.__traceback__) if error is not None else None)


def _message_of(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        message = str(record.msg)
    if record.name.partition(".")[0] != OURS:
        message = message.partition("\n")[0]
    return message[:MAX_MESSAGE_CHARACTERS]


def _types_of(error: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield type(error).__name__
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _places_of(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-MAX_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
