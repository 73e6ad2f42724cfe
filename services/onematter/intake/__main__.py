"""Run intake: `python -m onematter.intake`."""

from __future__ import annotations

from functools import partial

from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.recomputing import Recomputing
from onematter.contracts.topics import INTAKE_COMMANDS
from onematter.intake import handlers, store
from onematter.intake.recomputing import commands_for
from onematter.intake.servicer import SERVICE_NAME, IntakeServicer, add_to
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand


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
        gauge=gauge,
    )


if __name__ == "__main__":
    run("intake", build)
