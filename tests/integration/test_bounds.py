"""Bounds of a process, by really exceeding them: RESOURCE_EXHAUSTED with a reason and when to come again; all go on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from tests.faults.spares import Spare, blocked, handed_in, poll, refusal_of, spare
from tests.live import CALL_SECONDS, SUBMISSIONS, Live

from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

CALLS, WATCHERS, WAITING = 5, 2, 3
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
MEBIBYTE = 1024 * 1024

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def small(live: Live) -> Iterator[Spare]:
    """Intake with small bounds."""
    bounds = {
        "ONEMATTER_MAX_CALLS": str(CALLS),
        "ONEMATTER_MAX_WATCHERS": str(WATCHERS),
        "ONEMATTER_MAX_WAITING": str(WAITING),
    }
    with spare(live, "intake", bounds) as made:
        yield made


@pytest.fixture
def stub(small: Spare) -> Any:
    return IntakeServiceStub(small.channel)


def submit(stub: Any, command: Any) -> Any:
    return stub.SubmitMatter(intake.SubmitMatterRequest(command=command), timeout=CALL_SECONDS)


def serving(small: Spare) -> bool:
    probe: Any = HealthStub(small.channel)
    answer = probe.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


class Upload:
    """A content on its way, that stops before its end until it is let go."""

    def __init__(self, stub: Any, size_bytes: int) -> None:
        self.content = bytes(size_bytes)
        self.sent, self._go = threading.Event(), threading.Event()
        self.call: Any = stub.UploadMaterial.future(self._parts(), timeout=CALL_SECONDS)

    def _parts(self) -> Iterator[intake.UploadMaterialRequest]:
        yield intake.UploadMaterialRequest(digest=hashlib.sha256(self.content).digest())
        for start in range(0, len(self.content), MEBIBYTE):
            yield intake.UploadMaterialRequest(chunk=self.content[start : start + MEBIBYTE])
        self.sent.set()
        self._go.wait(CALL_SECONDS)

    def end(self) -> None:
        """Let it come to its end."""
        self._go.set()


def test_outcomes_and_calls_beyond_their_bounds_are_told_to_come_again(live: Live, small: Spare, stub: Any) -> None:
    commands = [live.hand_in() for _ in range(WAITING)]
    with ThreadPoolExecutor(WAITING) as pool, ExitStack() as ends:
        asked: list[Future[Any]] = []
        with blocked(live, "intake"):
            asked += [pool.submit(submit, stub, command) for command in commands]
            handed_in(live, {command.matter_id for command in commands})
            late = live.hand_in()
            assert refusal_of(lambda: submit(stub, late)) == (EXHAUSTED, "OUTCOMES_EXHAUSTED", 2)
            watched = intake.GetMatterRequest(matter_id=late.matter_id)
            uploads: list[Upload] = []

            def exhausted() -> bool:
                # The bound counts what the service has begun, a moment after the client sent it: what comes in between
                # takes the place of an upload, which is refused and comes again.
                for upload in [one for one in uploads if one.call.done()]:
                    assert refusal_of(upload.call.result) == (EXHAUSTED, "CALLS_EXHAUSTED", 2)
                    uploads.remove(upload)
                while len(uploads) < CALLS - WAITING:
                    uploads.append(upload := Upload(stub, 1))
                    ends.callback(upload.end)
                    poll(lambda one=upload: one.sent.is_set() or one.call.done(), "the upload is sent or refused")
                asked_now = refusal_of(lambda: stub.GetMatter(watched, timeout=CALL_SECONDS))
                return asked_now == (EXHAUSTED, "CALLS_EXHAUSTED", 2)

            poll(exhausted, "calls are exhausted")
            poll(lambda: serving(small), "a probe is answered whatever else is refused", 10)
        assert all(call.result(CALL_SECONDS).outcome.told_by.sequence for call in asked)
    # What was refused was not begun: nothing of it stands anywhere.
    live.tail.read_to_end()
    assert live.tail.of(SUBMISSIONS, late.matter_id) == []
    assert poll(lambda: submit(stub, late), "the bounds are free again").matter_number


def test_watchers_beyond_their_bound_are_told_to_come_again_and_calls_go_on(live: Live, stub: Any) -> None:
    matter_id = live.open_matter()
    request = intake.WatchMatterRequest(matter_id=matter_id)
    watching = [stub.WatchMatter(request, timeout=CALL_SECONDS) for _ in range(WATCHERS)]
    assert [next(watcher).matter.matter_id for watcher in watching] == [matter_id] * WATCHERS
    one_more = stub.WatchMatter(request, timeout=CALL_SECONDS)
    assert refusal_of(lambda: next(one_more)) == (EXHAUSTED, "WATCHERS_EXHAUSTED", 2)
    assert stub.GetMatter(intake.GetMatterRequest(matter_id=matter_id), timeout=CALL_SECONDS).matter.matter_id
    watching.pop().cancel()

    def watches() -> bool:
        again = stub.WatchMatter(request, timeout=CALL_SECONDS)
        try:
            return bool(next(again).matter.matter_id)
        except grpc.RpcError:
            return False
        finally:
            again.cancel()

    poll(watches, "who goes makes room")
    for watcher in watching:
        watcher.cancel()


def test_contents_beyond_what_may_be_held_at_once_are_told_to_come_again(stub: Any) -> None:
    with ExitStack() as ends:
        uploads = []
        for _ in range(2):
            upload = Upload(stub, 48 * MEBIBYTE)
            ends.callback(upload.end)
            assert upload.sent.wait(CALL_SECONDS)
            uploads.append(upload)

        def refused() -> bool:
            one_more = Upload(stub, 48 * MEBIBYTE)
            try:
                return refusal_of(lambda: one_more.call.result(5)) == (EXHAUSTED, "CONTENTS_EXHAUSTED", 2)
            except grpc.FutureTimeoutError:
                return False
            finally:
                one_more.end()
                one_more.call.cancel()

        poll(refused, "no room is left")
        for upload in uploads:
            upload.end()
            assert upload.call.result(CALL_SECONDS).size_bytes == len(upload.content)


def test_a_message_beyond_its_bound_ends_its_call_alone(live: Live, stub: Any) -> None:
    part = intake.UploadMaterialRequest(chunk=bytes(5 * MEBIBYTE))
    refused = refusal_of(lambda: stub.UploadMaterial(iter([part]), timeout=CALL_SECONDS))
    assert refused[0] is EXHAUSTED
    assert submit(stub, live.hand_in()).matter_number
