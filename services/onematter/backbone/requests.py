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
    refusal.check_text("request_id", command.request_id, MAX_REQUEST_ID_LENGTH)
    refusal.check_text("actor.principal", command.actor.principal, MAX_PRINCIPAL_LENGTH)
    return refusal.outcome() if refusal else None
