"""SIGTERM under load: readiness goes first, who waits is answered, the step in hand is finished, the group is left."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from confluent_kafka.admin import AdminClient
from tests.faults.spares import ask, blocked, handed_in, poll, refusal_of, told
from tests.live import CALL_SECONDS, MATTER_EVENTS, SUBMISSIONS, Live

from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.local.processes import STOP_GRACE_SECONDS

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
IN_HAND = 20
FLOOD = 1000
CALLERS = 8
READY_SECONDS = 120.0

pytestmark = pytest.mark.timeout(300)


def members(live: Live) -> int:
    admin, group = AdminClient({"bootstrap.servers": live.servers}), "onematter-intake"
    return len(admin.describe_consumer_groups([group])[group].result(CALL_SECONDS).members)


def test_who_waits_is_answered_and_nobody_else_is_taken(live: Live) -> None:
    process = live.stack.supervisor.processes["intake"]
    metrics = live.stack.addresses.services["intake"].metrics
    watched = live.open_matter()
    watching = live.intake.WatchMatter(intake.WatchMatterRequest(matter_id=watched), timeout=CALL_SECONDS)
    next(watching)
    commands = [live.hand_in() for _ in range(IN_HAND)]
    with ThreadPoolExecutor(IN_HAND) as pool:
        with blocked(live, "intake"):
            asked = [pool.submit(live.submit, command) for command in commands]
            handed_in(live, {command.matter_id for command in commands})
            assert ask(metrics, "/readyz") == 200
            process.signal(signal.SIGTERM)
            poll(lambda: ask(metrics, "/readyz") == 503, "readiness is gone")
            # One more changes nothing.
            process.signal(signal.SIGTERM)
            assert refusal_of(lambda: live.submit(live.hand_in())) == (UNAVAILABLE, "DRAINING", 2)
            # What came of the matter in between is told before.
            assert refusal_of(lambda: list(watching)) == (UNAVAILABLE, "DRAINING", 2)
            assert process.alive()
            assert ask(metrics, "/healthz") == 200
        for call in asked:
            assert call.result(CALL_SECONDS).outcome.told_by.topic == MATTER_EVENTS
    assert process.wait_ended(STOP_GRACE_SECONDS)
    assert process.exit_code == 0
    # It said good-bye: nobody waits for its session to time out.
    assert members(live) == 0
    live.stack.restart("intake", ready_timeout_seconds=READY_SECONDS)
    for command in commands:
        live.completes(command.matter_id)


def test_under_load_it_ends_in_time_and_nothing_is_lost(live: Live) -> None:
    process = live.stack.supervisor.processes["intake"]
    flood = live.publish_all([live.hand_in() for _ in range(FLOOD)])
    answers: Counter[str] = Counter()
    submitted: dict[str, bool] = {}
    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            command = live.hand_in()
            try:
                live.submit(command)
                submitted[command.matter_id] = True
                answers["answered"] += 1
            except grpc.RpcError as error:
                code, reason, _ = told(error)
                answers[f"{code.name} {reason}"] += 1
                if reason in ("DRAINING", ""):
                    return

    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(call) for _ in range(CALLERS)]
        try:
            poll(lambda: answers["answered"] > CALLERS, "calls are answered")
            process.signal(signal.SIGTERM)
            time.sleep(0)
            process.signal(signal.SIGTERM)
            assert process.wait_ended(STOP_GRACE_SECONDS)
        finally:
            ended.set()
        for caller in callers:
            caller.result(CALL_SECONDS)
    assert process.exit_code == 0
    # Hand-ins may wait behind what was accepted before; the others are told to come again, by us or by the closed port.
    assert set(answers) <= {"answered", "UNAVAILABLE DRAINING", "UNAVAILABLE ", "RESOURCE_EXHAUSTED HAND_INS_WAIT"}
    live.stack.restart("intake", ready_timeout_seconds=READY_SECONDS)
    wanted = {*flood, *submitted}

    def completed() -> bool:
        found = live.tail.records[MATTER_EVENTS]
        done = {
            (record.key or b"").decode()
            for record in found
            if live.parse(record).WhichOneof("event") == "matter_completed"
        }
        return wanted <= done

    live.tail.until(completed, "every matter is completed")
    assert live.tail.records[SUBMISSIONS]


def test_a_step_that_does_not_end_is_left_in_time_with_a_word(live: Live) -> None:
    """What hangs must not hold up the pod's end; the command stands on its topic and is done at the next start."""
    process = live.stack.supervisor.processes["intake"]
    command = live.hand_in()
    with blocked(live, "intake"):
        live.publish(SUBMISSIONS, command)
        time.sleep(0.5)
        process.signal(signal.SIGTERM)
        assert process.wait_ended(STOP_GRACE_SECONDS + 1)
    assert process.exit_code == 1
    assert "the loop did not end within" in "\n".join(process.last_lines())
    live.stack.restart("intake", ready_timeout_seconds=READY_SECONDS)
    live.completes(command.matter_id)
