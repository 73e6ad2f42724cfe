"""Errors at the gRPC edge: one tree, each with its code, reason and way out.

refused            FAILED_PRECONDITION   google.rpc.ErrorInfo, BadRequest (every violation), CommandRefused
malformed request  INVALID_ARGUMENT      BadRequest
not there          NOT_FOUND             ErrorInfo
too much at once   RESOURCE_EXHAUSTED    RetryInfo, ErrorInfo: which bound is reached (Exhausted)
dependency away    UNAVAILABLE           RetryInfo, ErrorInfo
no outcome yet     DEADLINE_EXCEEDED     the command stands; ask again with the same request_id
"""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from onematter.common.v1.outcome_pb2 import CommandRefused, Reason, Violation
from onematter.contracts import not_found, reasons

DOMAIN = "onematter"


class Exhausted(Exception):
    """A bound of the process is reached; nothing of the call was done. `reason` is the ErrorInfo's.

    HAND_INS_WAIT, CALLS_EXHAUSTED, WATCHERS_EXHAUSTED, OUTCOMES_EXHAUSTED, CONTENTS_EXHAUSTED.
    """

    def __init__(self, reason: str, text: str, retry_seconds: int) -> None:
        super().__init__(text)
        self.reason, self.retry_seconds = reason, retry_seconds


def _short(reason: int) -> str:
    return Reason.Name(reason).removeprefix("REASON_")  # type: ignore[arg-type]


def _language(context: Any) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "accept-language":
            return str(value)
    return "en"


async def abort(context: Any, code: grpc.StatusCode, text: str, *details: Message) -> NoReturn:
    """End the call with a google.rpc.Status."""
    status = Status(code=code.value[0], message=text)
    for detail in details:
        status.details.add().Pack(detail)
    await context.abort(code, text, (("grpc-status-details-bin", status.SerializeToString()),))
    raise AssertionError("abort returned")


def _bad_request(violations: list[Violation], language: str) -> tuple[str, BadRequest]:
    bad = BadRequest()
    texts: list[str] = []
    for violation in violations:
        told = reasons.text(violation, language)
        description = f"{told.rule} {told.way_out}"
        bad.field_violations.add(field=violation.field, description=description, reason=_short(violation.reason))
        texts.append(f"{violation.field}: {description}" if violation.field else description)
    return "; ".join(texts), bad


async def abort_refused(context: Any, refused: CommandRefused) -> NoReturn:
    """FAILED_PRECONDITION with every violation."""
    text, bad = _bad_request(list(refused.violations), _language(context))
    first = refused.violations[0]
    info = ErrorInfo(reason=_short(first.reason), domain=DOMAIN, metadata=dict(first.parameters))
    await abort(context, grpc.StatusCode.FAILED_PRECONDITION, text, info, bad, refused)


async def abort_invalid(context: Any, field: str, reason: int, **parameters: str) -> NoReturn:
    """INVALID_ARGUMENT for one field of a request."""
    violation = Violation(field=field, reason=reason, parameters=parameters)  # type: ignore[arg-type]
    text, bad = _bad_request([violation], _language(context))
    info = ErrorInfo(reason=_short(reason), domain=DOMAIN, metadata=parameters)
    await abort(context, grpc.StatusCode.INVALID_ARGUMENT, text, info, bad)


async def abort_not_found(context: Any, what: str, field: str) -> NoReturn:
    """NOT_FOUND; `what` is the kind of thing, as in "matter" (see `contracts.not_found`)."""
    text = f"{field}: {not_found.text(what, _language(context))}"
    info = ErrorInfo(reason=f"{what.upper().replace(' ', '_')}_NOT_FOUND", domain=DOMAIN, metadata={"field": field})
    await abort(context, grpc.StatusCode.NOT_FOUND, text, info)


async def abort_retry(context: Any, code: grpc.StatusCode, text: str, seconds: int, reason: str = "") -> NoReturn:
    """RESOURCE_EXHAUSTED or UNAVAILABLE, with when to try again, and why."""
    info = [ErrorInfo(reason=reason, domain=DOMAIN)] if reason else []
    await abort(context, code, text, RetryInfo(retry_delay=Duration(seconds=seconds)), *info)


async def abort_exhausted(context: Any, exhausted: Exhausted) -> NoReturn:
    """RESOURCE_EXHAUSTED, with which bound is reached and when to try again."""
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    await abort_retry(context, code, str(exhausted), exhausted.retry_seconds, exhausted.reason)
