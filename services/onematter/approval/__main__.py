"""Run one approval deployment: `python -m onematter.approval`.

ONEMATTER_DEPLOYMENT names it in the topics table: approval-province, approval-city, approval-county, or the
centre of a division.
"""

from __future__ import annotations

from functools import partial

from onematter.approval import handlers
from onematter.approval.servicer import SERVICE_NAME, ApprovalServicer, add_to
from onematter.backbone.program import Parts, Runtime, run


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    deployment = runtime.deployment.name
    commands_topic = runtime.table.commands_topic(deployment)
    events_topic = runtime.table.events_topic(deployment)
    servicer = ApprovalServicer(runtime.doors, runtime.queries, deployment, commands_topic, events_topic)
    return Parts(
        aggregate=handlers.aggregate(runtime.catalogue, runtime.calendar, runtime.table, deployment),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
    )


if __name__ == "__main__":
    run("approval", build)
