"""Run the archive: `python -m onematter.archive`."""

from __future__ import annotations

from functools import partial

from onematter.archive import handlers
from onematter.archive.servicer import SERVICE_NAME, ArchiveServicer, add_to
from onematter.backbone.program import Parts, Runtime, run

# A matter's records come within moments of each other; nobody waits for the seal as for a result.
GATHER_SECONDS = 0.5


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    servicer = ArchiveServicer(runtime.queries, runtime.table, runtime.calendar, runtime.clock)
    return Parts(
        aggregate=handlers.aggregate(),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        gather_seconds=GATHER_SECONDS,
    )


if __name__ == "__main__":
    run("archive", build)
