"""Run notification: `python -m onematter.notification`.

Notices are written to `notices.db` in ONEMATTER_DATA_DIR; this directory is made at the start, never while running.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.service import Change
from onematter.backbone.spans import Attributes
from onematter.contracts.synthetic import is_synthetic
from onematter.notification import handlers
from onematter.notification.file_channel import FileChannel
from onematter.notification.servicer import SERVICE_NAME, NotificationServicer, add_to
from onematter.notification.v1.notification_events_pb2 import NoticeEvent, NoticeKind
from onematter.notification.v1.notification_state_pb2 import NoticesState


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    directory = runtime.settings.data_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    deployment = runtime.deployment.name
    servicer = NotificationServicer(runtime.queries, deployment, runtime.table.events_topic(deployment))
    notices = runtime.metrics["notices_total"]

    # Looking a child up by its labels costs more than to count.
    @cache
    def notices_of(kind: NoticeKind, result: str) -> Any:
        return notices.labels(_kind_name(kind), result.removeprefix("notice_"))

    def observe(change: Change[NoticesState, NoticeEvent]) -> None:
        event = change.event
        if event is None or is_synthetic(change.state.matter_code):
            return
        result = event.WhichOneof("event") or "unknown"
        notices_of(getattr(event, result).notice.kind, result).inc()

    aggregate = handlers.aggregate(FileChannel(directory / "notices.db"), runtime.catalogue)
    if runtime.recorder is not None:
        # The channel keeps a step's letters and writes them right before the commit.
        traced = runtime.recorder.around("deliver notice", aggregate.decide, _delivered, until_commit=True)
        aggregate = replace(aggregate, decide=traced)
    return Parts(
        aggregate=aggregate,
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=observe,
    )


def _kind_name(kind: NoticeKind) -> str:
    return NoticeKind.Name(kind).removeprefix("NOTICE_KIND_").lower()


def _delivered(event: NoticeEvent) -> Attributes:
    result = event.WhichOneof("event") or "unknown"
    kind = _kind_name(getattr(event, result).notice.kind)
    return {"onematter.notice.kind": kind, "onematter.notice.result": result.removeprefix("notice_")}


if __name__ == "__main__":
    run("notification", build)
