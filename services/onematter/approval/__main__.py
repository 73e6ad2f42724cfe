"""Run one approval deployment: `python -m onematter.approval`.

ONEMATTER_DEPLOYMENT names it in the topics table: approval-province, approval-city, approval-county, or the
centre of a division.
"""

from __future__ import annotations

from functools import partial

from onematter.approval import handlers, store
from onematter.approval.figures import TaskFigures
from onematter.approval.recomputing import commands_for, official_years
from onematter.approval.servicer import SERVICE_NAME, ApprovalServicer, add_to
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.recomputing import Recomputing
from onematter.common.v1.actor_pb2 import Level


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    deployment, table = runtime.deployment, runtime.table
    desk = handlers.core_of(runtime.catalogue, runtime.calendar, table, deployment.name).desk
    servicer = ApprovalServicer(
        runtime.doors,
        runtime.queries,
        desk,
        table.commands_topic(deployment.name),
        table.events_topic(deployment.name),
    )
    # An item goes to a deployment of its own level, so the deployment's level is that of all its tasks.
    level = Level.Name(deployment.level).removeprefix("LEVEL_").lower()  # type: ignore[arg-type]
    items = (item for matter_type in runtime.catalogue.matter_types for item in matter_type.items)
    departments = {item.department for item in items if item.level == deployment.level}
    figures = TaskFigures(runtime.metrics, level, departments)

    async def ask(command: ApprovalCommand) -> None:
        topic = table.commands_topic(deployment.name)
        await runtime.doors.tell(topic, command.matter_id, command, request_id=command.request_id)

    official = official_years(runtime.calendar)
    recomputing = Recomputing(
        runtime.queries,
        store.PROVISIONAL,
        2,
        lambda rows, today: commands_for(rows, official, deployment.name, today),
        ask,
    )

    async def gauge() -> None:
        now = runtime.clock.now_unix_ms()
        figures.waiting(await runtime.queries.rows(store.COUNT_WAITING, (now, now)))  # type: ignore[arg-type]
        await recomputing.run(runtime.clock.today())

    return Parts(
        aggregate=handlers.aggregate(runtime.catalogue, runtime.calendar, table, deployment.name),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=figures.decided,
        gauge=gauge,
    )


if __name__ == "__main__":
    run("approval", build)
