"""The data-exchange platform of a story, and the calls to it: each department shares, or does not, as the story says.

A department is in `ways`: "found" when it is not named, "refused", "not_found", "delayed" (asked again ten seconds
later it has it), "tomorrow" (a day later it has it) or "away".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tests.stories.parts import Member

from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.contracts.times import set_unix_ms, unix_ms
from onematter.exchange.caller import request_id
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, ExchangeCommand, RecordAnswer
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest, SharingState, SharingStatus

_LATER_MS = {"delayed": 10_000, "tomorrow": 86_400_000}
_OPEN = (SharingStatus.SHARING_STATUS_ASKED, SharingStatus.SHARING_STATUS_LATE)


class Platform:
    """What each department answers."""

    def __init__(self) -> None:
        self.ways: dict[str, str] = {}

    def calls(self, exchange: Member) -> Iterator[tuple[str, SharingRequest, int]]:
        """The calls that the exchange still has to make: matter, request and when."""
        for matter_id, (_, state, _) in exchange.tables.aggregates.items():
            for request in SharingState.FromString(state).requests:
                if request.status in _OPEN and request.HasField("next_attempt"):
                    yield matter_id, request, unix_ms(request.next_attempt)

    def answers_to(self, exchange: Member, now_unix_ms: int) -> Iterator[tuple[str, ExchangeCommand]]:
        """The answers to all calls that are due."""
        name = exchange.deployment.name
        for matter_id, request, due in self.calls(exchange):
            if due > now_unix_ms:
                continue
            material_id, attempt = request.material.material_id, request.attempts + 1
            yield (
                matter_id,
                ExchangeCommand(
                    request_id=request_id(matter_id, material_id, attempt),
                    matter_id=matter_id,
                    actor=Actor(principal=name, role=ActorRole.ACTOR_ROLE_SYSTEM),
                    record_answer=self._answer(request, attempt, now_unix_ms),
                ),
            )

    def _answer(self, request: SharingRequest, attempt: int, now_unix_ms: int) -> RecordAnswer:
        wanted = request.material
        recorded = RecordAnswer(material_id=wanted.material_id, attempt=attempt)
        answer = recorded.answer
        way = self.ways.get(wanted.source, "found")
        match "found" if way in _LATER_MS and request.attempts else way:
            case "found":
                found = answer.found
                found.issuer, found.number = wanted.source, f"{wanted.source}-0001"
                found.material.material_id = wanted.material_id
                found.material.digest = hashlib.sha256(wanted.material_id.encode()).digest()
                found.material.size_bytes = 2_048
                found.material.media_type = wanted.media_types[0] if wanted.media_types else "application/pdf"
            case "refused":
                answer.refused.reason, answer.refused.basis = "未列入共享目录", "有条件共享"
            case "not_found":
                answer.not_found.reason = "查无此证"
            case "delayed" | "tomorrow":
                set_unix_ms(answer.delayed.until, now_unix_ms + _LATER_MS[way])
                answer.delayed.reason = "正在核对"
            case _:
                recorded.ClearField("answer")
                recorded.failure, recorded.detail = CallFailure.CALL_FAILURE_AWAY, "连接不上"
        return recorded
