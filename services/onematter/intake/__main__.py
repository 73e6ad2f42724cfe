"""Run intake: `python -m onematter.intake`."""

from __future__ import annotations

from functools import partial

from onematter.backbone.program import Parts, Runtime, run
from onematter.intake import handlers
from onematter.intake.servicer import SERVICE_NAME, IntakeServicer, add_to


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
    return Parts(
        aggregate=handlers.aggregate(runtime.catalogue, runtime.table, deployment, runtime.calendar),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
    )


if __name__ == "__main__":
    run("intake", build)
