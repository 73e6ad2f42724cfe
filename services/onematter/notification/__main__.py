"""Run notification: `python -m onematter.notification`.

Notices are written to `notices/` under ONEMATTER_DATA_DIR; it is made at the start, and never while running.
"""

from __future__ import annotations

from functools import partial

from onematter.backbone.program import Parts, Runtime, run
from onematter.notification import handlers
from onematter.notification.channel import FileChannel
from onematter.notification.servicer import SERVICE_NAME, NotificationServicer, add_to


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    directory = runtime.settings.data_dir / "notices"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    deployment = runtime.deployment.name
    servicer = NotificationServicer(runtime.queries, deployment, runtime.table.events_topic(deployment))
    return Parts(
        aggregate=handlers.aggregate(FileChannel(directory)),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
    )


if __name__ == "__main__":
    run("notification", build)
