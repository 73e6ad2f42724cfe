"""Run notification: `python -m onematter.notification`.

Notices are written to `notices.db` in ONEMATTER_DATA_DIR; this directory is made at the start, never while running.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.service import Change
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
    children: dict[tuple[int, str], Any] = {}

    def observe(change: Change[NoticesState, NoticeEvent]) -> None:
        event = change.event
        if event is None:
            return
        result = event.WhichOneof("event") or "unknown"
        kind = getattr(event, result).notice.kind
        known = children.get((kind, result))
        if known is None:
            name = NoticeKind.Name(kind).removeprefix("NOTICE_KIND_").lower()
            known = children[kind, result] = notices.labels(name, result.removeprefix("notice_"))
        known.inc()

    return Parts(
        aggregate=handlers.aggregate(FileChannel(directory / "notices.db"), runtime.catalogue),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=observe,
    )


if __name__ == "__main__":
    run("notification", build)
