"""Run intake: `python -m onematter.intake`."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.recomputing import Recomputing
from onematter.backbone.service import Change
from onematter.contracts.synthetic import is_synthetic
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import INTAKE_COMMANDS
from onematter.contracts.traces import exemplar
from onematter.intake import handlers, store
from onematter.intake.recomputing import commands_for
from onematter.intake.servicer import SERVICE_NAME, IntakeServicer, add_to
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterState


def build(runtime: Runtime) -> Parts:
    """Return the parts of intake."""
    deployment = runtime.deployment.name
    servicer = IntakeServicer(
        runtime.doors,
        runtime.queries,
        runtime.catalogue,
        deployment,
        calendar=runtime.calendar,
        clock=runtime.clock,
        query_key=runtime.settings.query_key,
    )

    result_seconds = runtime.metrics["matter_result_seconds"]

    # Looking a child up by its labels costs more than the observation.
    @cache
    def result_seconds_of(outcome: MatterOutcome, automatic: bool) -> Any:
        name = MatterOutcome.Name(outcome).removeprefix("MATTER_OUTCOME_").lower()
        return result_seconds.labels(name, str(automatic).lower())

    def observe(change: Change[MatterState, MatterEvent]) -> None:
        event = change.event
        if event is None or event.WhichOneof("event") != "matter_completed":
            return
        completed = event.matter_completed
        if is_synthetic(completed.matter_code):
            return
        automatic = all(result.automatic for result in completed.results)
        seconds = max(0.0, (runtime.clock.now_unix_ms() - unix_ms(completed.handed_in)) / 1000)
        result_seconds_of(completed.outcome, automatic).observe(seconds, exemplar(change.traceparent))

    async def ask(command: IntakeCommand) -> None:
        await runtime.doors.tell(INTAKE_COMMANDS, command.matter_id, command, request_id=command.request_id)

    recomputing = Recomputing(
        runtime.queries,
        store.PROVISIONAL,
        1,
        lambda rows, today: commands_for(rows, runtime.calendar, deployment, today),
        ask,
    )

    async def gauge() -> None:
        await recomputing.run(runtime.clock.today())

    return Parts(
        aggregate=handlers.aggregate(runtime.catalogue, runtime.table, deployment, runtime.calendar),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=observe,
        gauge=gauge,
    )


if __name__ == "__main__":
    run("intake", build)
