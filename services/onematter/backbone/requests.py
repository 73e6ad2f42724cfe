"""What every command from outside must have before anything is kept for it."""

from __future__ import annotations

from typing import Any

from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Refusal
from onematter.contracts.limits import MAX_COMMAND_BYTES, MAX_PRINCIPAL_LENGTH, MAX_REQUEST_ID_LENGTH


def name_of(command: Any) -> str:
    """The member of the command's oneof that is set."""
    return command.WhichOneof("command") or ""


def malformed_request(command: Any, size_bytes: int) -> CommandRefused | None:
    """Who asks, and under which name, must be there before anything is kept for it; and it must fit into an event."""
    refusal = Refusal(name_of(command))
    if size_bytes > MAX_COMMAND_BYTES:
        refusal.add("", Reason.REASON_COMMAND_TOO_LARGE, {"max_bytes": str(MAX_COMMAND_BYTES)})
    for field, text, limit in (
        ("request_id", command.request_id, MAX_REQUEST_ID_LENGTH),
        ("actor.principal", command.actor.principal, MAX_PRINCIPAL_LENGTH),
    ):
        if not text:
            refusal.add(field, Reason.REASON_FIELD_MISSING)
        elif len(text) > limit:
            refusal.add(field, Reason.REASON_FIELD_TOO_LONG, {"limit": str(limit)})
        elif "\0" in text:
            refusal.add(field, Reason.REASON_FIELD_MALFORMED)
    return refusal.outcome() if refusal else None
