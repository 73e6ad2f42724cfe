"""Run one approval deployment: `python -m onematter.approval`.

ONEMATTER_DEPLOYMENT names it in the topics table: approval-province, approval-city, approval-county, or the
centre of a division.
"""

from __future__ import annotations

from functools import partial

from onematter.approval import handlers, store
from onematter.approval.recomputing import commands_for, official_years
from onematter.approval.servicer import SERVICE_NAME, ApprovalServicer, add_to
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.approval.v1.approval_state_pb2 import TasksState
from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.recomputing import Recomputing
from onematter.backbone.service import Change
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
    open_tasks = runtime.metrics["open_tasks"].labels(level)
    overdue = runtime.metrics["overdue_tasks"]
    by_rule = runtime.metrics["decisions_total"].labels(level, "true")
    by_person = runtime.metrics["decisions_total"].labels(level, "false")

    def observe(change: Change[TasksState, ApprovalEvent]) -> None:
        event = change.event
        if event is not None and event.WhichOneof("event") == "task_decided":
            (by_rule if event.task_decided.automatic else by_person).inc()

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
        ((waiting, past_promise, past_law),) = await runtime.queries.rows(store.COUNT_WAITING, (now, now))
        open_tasks.set(waiting)
        overdue.labels(level, "promised").set(past_promise)
        overdue.labels(level, "legal").set(past_law)
        await recomputing.run(runtime.clock.today())

    return Parts(
        aggregate=handlers.aggregate(runtime.catalogue, runtime.calendar, table, deployment.name),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=observe,
        gauge=gauge,
    )


if __name__ == "__main__":
    run("approval", build)
