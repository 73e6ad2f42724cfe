"""Calls the platform for what is due, and writes each answer to the exchange's own commands topic.

Rule 1: a call is made at least once, outside of the unit of work: no lane waits for a platform. What it brought is a
command like every other, under a request_id made of matter, material and attempt, and counts once.
Rule 2: each source has its own breaker and its own share of calls at once, so that one that is slow or away takes
nothing from the others.
Rule 3: while a source's breaker is open, its first calls are told as away without being made, and later ones wait until
it may be tried.
Rule 4: nothing of an answer but its material, its certificate's data and its reasons leaves this file.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import NamedTuple

from onematter.backbone.doors import Queries
from onematter.backbone.metrics import Metrics
from onematter.backbone.ports import Unavailable
from onematter.backbone.spans import Kind, Recorder, Span, matter, traceparent_in_hand
from onematter.common.v1.actor_pb2 import Actor, ActorRole
from onematter.datashare.v1 import datashare_service_pb2 as datashare
from onematter.exchange import breaker as breakers
from onematter.exchange import core, store
from onematter.exchange.breaker import Breaker, Circuit, Limits
from onematter.exchange.platform import AWAY, OWN_SIDE, CallFailed, Contents, Platform, check_content, check_found
from onematter.exchange.store import Call
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure, ExchangeCommand, RecordAnswer
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest, SharingState

logger = logging.getLogger("onematter.exchange")

IDLE_SECONDS = 0.5
NOT_CONNECTED = CallFailure.CALL_FAILURE_NOT_CONNECTED
_FAILURE_NAMES = {value: name.removeprefix("CALL_FAILURE_").lower() for name, value in CallFailure.items()}


class Bounds(NamedTuple):
    """How long a call may take, to be answered and to bring its content, and how many there are at once."""

    call_seconds: float = 5.0
    content_seconds: float = 15.0
    calls_per_source: int = 16
    contents: int = 16
    # Beyond what a phase may take: after that its caller is gone, and the call is made again.
    margin_seconds: float = 3.0
    # An answer that was written is counted by then, or the loop is far behind.
    counted_seconds: float = 60.0


# Writes a command: (matter_id, command). Raises Unavailable.
Tell = Callable[[str, ExchangeCommand], Awaitable[None]]


class Caller:
    """One process's calls. `platform` None: none is set up, and everything is told so at once."""

    def __init__(
        self,
        platform: Platform | None,
        contents: Contents,
        queries: Queries,
        tell: Tell,
        metrics: Metrics,
        *,
        principal: str,
        bounds: Bounds = Bounds(),  # noqa: B008
        limits: Limits = Limits(),  # noqa: B008
        clock_seconds: Callable[[], float] = time.monotonic,
        recorder: Recorder | None = None,
    ) -> None:
        self._recorder = recorder
        self._platform, self._contents, self._queries, self._tell = platform, contents, queries, tell
        self._metrics, self._bounds, self._limits, self._clock_seconds = metrics, bounds, limits, clock_seconds
        self._actor = Actor(principal=principal, role=ActorRole.ACTOR_ROLE_SYSTEM)
        self.breakers: dict[str, Breaker] = {}
        self.in_flight: Counter[str] = Counter()
        self._contents_at_once = asyncio.Semaphore(bounds.contents)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """From any thread: something may be due."""
        self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Make calls as they become due, until cancelled; those under way are then due again after their lease."""
        try:
            while True:
                try:
                    await self._round()
                except Unavailable as error:
                    logger.warning("calls wait: %s", error)
                    await asyncio.sleep(IDLE_SECONDS)
                try:
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
        finally:
            for task in self._tasks:
                task.cancel()

    async def _round(self) -> None:
        due = await store.due(self._queries)
        self._metrics["sharing_calls_due"].set(sum(due.values()))
        for source in due:
            free = self._bounds.calls_per_source - self.in_flight[source]
            if free > 0:
                lease_seconds = self._bounds.call_seconds + self._bounds.margin_seconds
                for call in await store.take(self._queries, source, free, lease_seconds):
                    self._start(call)
        not_closed = sum(one.circuit is not Circuit.CLOSED for one in self.breakers.values())
        self._metrics["sharing_circuits_open"].set(not_closed)

    def _start(self, call: Call) -> None:
        self.in_flight[call.source] += 1
        task = asyncio.create_task(self._deal_with(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deal_with(self, call: Call) -> None:
        """Make the call and tell its answer. Whatever goes wrong here, it is due again after its lease."""
        span = self._begin(call)
        told = {"matter_id": call.matter_id}
        try:
            found = await store.sharings(self._queries, call.matter_id)
            state = found[0] if found is not None else SharingState()
            request = core.find(state, call.material_id)
            # After a restore it may not be known yet for whom.
            if request is None or request.attempts + 1 != call.attempt or not state.HasField("requester"):
                return
            answer = await self._answer(call, state, request)
            if answer is None:
                return
            if span is not None:
                span.failed = answer.WhichOneof("result") == "failure"
            command = ExchangeCommand(
                request_id=request_id(call.matter_id, call.material_id, call.attempt),
                matter_id=call.matter_id,
                actor=self._actor,
                record_answer=answer,
            )
            await self._tell(call.matter_id, command)
            await store.postpone(self._queries, call, self._bounds.counted_seconds)
        except Unavailable as error:
            logger.warning("a call is made again later: %s", error, extra=told)
        except Exception:
            logger.exception("a call is made again later", extra=told)
        finally:
            if span is not None and self._recorder is not None:
                self._recorder.end(span)
            self.in_flight[call.source] -= 1
            self._wake.set()

    def _begin(self, call: Call) -> Span | None:
        """A call has a trace of its own, in which its answer is written: its cause may be days and tries ago."""
        if self._recorder is None:
            return None
        context, span = self._recorder.begin(f"call {call.source}", Kind.CLIENT, None)
        traceparent_in_hand.set(context.traceparent)
        if span is not None:
            span.attributes = {
                "onematter.source": call.source,
                "onematter.attempt": call.attempt,
                **matter(call.matter_id),
            }
        return span

    async def _answer(self, call: Call, state: SharingState, request: SharingRequest) -> RecordAnswer | None:
        """Return what came of the call; None when it is put off."""
        if self._platform is None:
            return self._failure(call, CallFailed(NOT_CONNECTED, "no data-exchange platform is connected"))
        now = self._clock_seconds()
        breaker, admitted = breakers.admit(self.breakers.get(call.source, Breaker()), now, self._limits)
        self.breakers[call.source] = breaker
        if not admitted:
            if call.attempt > 1:
                await store.postpone(self._queries, call, max(0.1, breaker.until - now))
                return None
            return self._failure(call, CallFailed(AWAY, "the source did not answer before; it is not called for now"))
        began = time.monotonic()
        try:
            answer = RecordAnswer(answer=await self._ask(self._platform, call, state, request))
            self.breakers[call.source] = breakers.answered(self.breakers[call.source])
        except CallFailed as error:
            settled = self.breakers[call.source]
            self.breakers[call.source] = (
                breakers.answered(settled)
                if error.failure == OWN_SIDE
                else breakers.failed(settled, self._clock_seconds(), self._limits)
            )
            return self._failure(call, error, time.monotonic() - began)
        return self._recorded(call, answer, answer.answer.WhichOneof("answer") or "", time.monotonic() - began)

    async def _ask(
        self, platform: Platform, call: Call, state: SharingState, request: SharingRequest
    ) -> datashare.ResolveResponse:
        """Ask the platform, and keep the content of what it found. Raises CallFailed."""
        wanted, bounds = request.material, self._bounds
        asked = resolve_request(call.matter_id, state, request)
        response = await platform.resolve(asked, bounds.call_seconds)
        if response.WhichOneof("answer") != "found":
            return response
        check_found(response.found, wanted)
        material = response.found.material
        await store.postpone(self._queries, call, 2 * bounds.content_seconds + bounds.margin_seconds)
        async with self._contents_at_once:
            content = response.found.content or await platform.fetch(asked.request_id, material, bounds.content_seconds)
            check_content(content, material)
            await self._contents.keep(material.digest, content, bounds.content_seconds)
        response.found.ClearField("content")
        # Of an identity card it is the person's own number, which no topic may carry.
        response.found.ClearField("number")
        return response

    def _failure(self, call: Call, error: CallFailed, seconds: float | None = None) -> RecordAnswer:
        answer = RecordAnswer(failure=error.failure, detail=error.detail)
        return self._recorded(call, answer, _FAILURE_NAMES[error.failure], seconds)

    def _recorded(self, call: Call, answer: RecordAnswer, result: str, seconds: float | None) -> RecordAnswer:
        answer.material_id, answer.attempt = call.material_id, call.attempt
        self._metrics["sharing_calls_total"].labels(call.source, result or "malformed").inc()
        if seconds is not None:
            answer.latency_ms = int(seconds * 1000)
            self._metrics["sharing_call_duration_seconds"].labels(call.source).observe(seconds)
        return answer


def resolve_request(matter_id: str, state: SharingState, request: SharingRequest) -> datashare.ResolveRequest:
    """Return what the platform is asked for one material; the same at every try."""
    wanted = request.material
    asked = datashare.ResolveRequest(
        request_id=request_id(matter_id, wanted.material_id, 0),
        matter_number=state.matter_number,
        material_id=wanted.material_id,
        certificate_type=wanted.certificate_type,
        source=wanted.source,
        division=state.division,
        parties=state.parties,
        media_types=wanted.media_types,
        max_bytes=wanted.max_bytes,
    )
    asked.purpose.matter_code = state.matter_code
    asked.purpose.catalogue_version = state.catalogue_version
    asked.purpose.item_ids.extend(wanted.item_ids)
    asked.personal_data.CopyFrom(state.personal_data)
    asked.requester.CopyFrom(state.requester)
    return asked


def request_id(matter_id: str, material_id: str, attempt: int) -> str:
    """Return 32 hexadecimal digits: the first 16 bytes of SHA-256 over them, each text with its length before it.

    Attempt 0 stands for all tries: by it the platform knows the want.
    """
    raw = b"onematter.sharing.v1"
    for text in (matter_id.encode(), material_id.encode()):
        raw += len(text).to_bytes(4, "big") + text
    return sha256(raw + attempt.to_bytes(4, "big")).hexdigest()[:32]
