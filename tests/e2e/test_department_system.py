"""A department's own system takes its tasks from the topic and publishes its decisions."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.live import MATTER_EVENTS, TASK_EVENTS, Live

from onematter.approval.v1.approval_commands_pb2 import Decision
from onematter.client.examples import department_system
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import ItemOutcome

PROCESS_SECONDS = 60
PRINCIPAL = "hangzhou-water-system"
SOIL_AND_WATER = "05"


@contextmanager
def system(live: Live) -> Iterator[subprocess.Popen[bytes]]:
    """The example, running as its module says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "onematter.client.examples.department_system"],
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": live.servers},
    )
    try:
        yield process
    finally:
        # Ctrl-C leaves the group in order; after kill -9 the next one would wait out the session.
        process.send_signal(signal.SIGINT)
        process.wait(PROCESS_SECONDS)


def industrial_project(live: Live, name: str) -> IntakeCommand:
    """OM-17, of which item 05 is the city's water department's."""
    command = live.hand_in()
    submit = command.submit_matter
    submit.matter_code = "OM-17"
    application = submit.application
    form = application.materials[0]
    del application.materials[:]
    for material_id in ("project_report", "site_plan", "environmental_report", "soil_water_plan"):
        form.material_id = material_id
        application.materials.append(form)
    application.facts.clear()
    application.facts["project_name"].text = name
    application.facts["industry"].text = "equipment"
    application.facts["investment_cny"].number = 120_000_000
    application.facts["site_area_m2"].number = 46_000
    application.facts["uses_forest_land"].flag = False
    return command


def test_the_example_is_as_short_as_it_says() -> None:
    assert len(inspect.getsource(department_system).splitlines()) <= 30


def test_it_grants_and_denies_without_the_inbox_and_goes_on_where_it_ended(live: Live) -> None:
    granted, denied = industrial_project(live, "智能装备生产基地"), industrial_project(live, "某")
    with system(live):
        for command, decision, outcome in (
            (granted, Decision.DECISION_GRANT, ItemOutcome.ITEM_OUTCOME_GRANTED),
            (denied, Decision.DECISION_DENY, ItemOutcome.ITEM_OUTCOME_DENIED),
        ):
            live.submit(command)
            decided = live.event(TASK_EVENTS["city"], command.matter_id, "task_decided", SOIL_AND_WATER)
            assert decided.task_decided.decision == decision
            assert decided.task_decided.opinion
            assert (decided.actor.principal, decided.actor.role) == (PRINCIPAL, ActorRole.ACTOR_ROLE_SYSTEM)

            def joined(matter_id: str = command.matter_id) -> int:
                events = live.events(MATTER_EVENTS, matter_id)
                results = [e.item_concluded.result for e in events if e.WhichOneof("event") == "item_concluded"]
                return next((r.outcome for r in results if r.item_id == SOIL_AND_WATER), 0)

            assert live.tail.until(joined, "the decision is joined") == outcome
    # What opens while the system is away waits for it.
    later = industrial_project(live, "新材料中试基地")
    live.submit(later)
    live.event(TASK_EVENTS["city"], later.matter_id, "task_opened", SOIL_AND_WATER)
    with system(live):
        live.event(TASK_EVENTS["city"], later.matter_id, "task_decided", SOIL_AND_WATER)
    live.tail.read_to_end()
    for command in (granted, denied, later):
        events = live.events(TASK_EVENTS["city"], command.matter_id)
        kinds = [e.WhichOneof("event") for e in events if e.item_id == SOIL_AND_WATER]
        assert kinds == ["task_opened", "task_decided"]
        # The system left other departments' tasks alone.
        assert {e.item_id for e in events if e.WhichOneof("event") == "task_decided"} == {SOIL_AND_WATER}
