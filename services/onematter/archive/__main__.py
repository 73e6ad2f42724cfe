"""Run the archive: `python -m onematter.archive`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from onematter.archive import handlers
from onematter.archive.self_audit import SelfAudit
from onematter.archive.servicer import SERVICE_NAME, ArchiveServicer, add_to
from onematter.archive.v1.archive_events_pb2 import RecordEvent
from onematter.archive.v1.archive_state_pb2 import RecordState
from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.service import Change
from onematter.backbone.spans import Attributes
from onematter.contracts.times import unix_ms
from onematter.contracts.traces import exemplar

# A matter's records come within moments of each other; nobody waits for the seal as for a result.
GATHER_SECONDS = 0.5


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    servicer = ArchiveServicer(runtime.queries, runtime.table, runtime.calendar, runtime.clock)
    sealed_seconds = runtime.metrics["matter_sealed_seconds"]

    def observe(change: Change[RecordState, RecordEvent]) -> None:
        event = change.event
        if event is not None and event.WhichOneof("event") == "matter_sealed" and not change.state.synthetic:
            handed_in = unix_ms(event.matter_sealed.seal.handed_in)
            seconds = max(0.0, (runtime.clock.now_unix_ms() - handed_in) / 1000)
            sealed_seconds.observe(seconds, exemplar(change.traceparent))

    audit = SelfAudit(runtime.queries, runtime.metrics["self_audits_total"])
    aggregate = handlers.aggregate()
    if runtime.recorder is not None:
        aggregate = replace(aggregate, decide=runtime.recorder.around("seal", aggregate.decide, _sealed))
    return Parts(
        aggregate=aggregate,
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=observe,
        gauge=audit.next,
        gather_seconds=GATHER_SECONDS,
    )


def _sealed(event: RecordEvent) -> Attributes:
    return {"onematter.archive.leaves": event.matter_sealed.seal.leaf_count}


if __name__ == "__main__":
    run("archive", build)
