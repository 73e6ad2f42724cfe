"""Run notification: `python -m onematter.notification`.

Notices are written to `notices.db` in ONEMATTER_DATA_DIR; this directory is made at the start, never while running.
"""

from __future__ import annotations

from functools import partial

from onematter.backbone.program import Parts, Runtime, run
from onematter.notification import handlers
from onematter.notification.file_channel import FileChannel
from onematter.notification.servicer import SERVICE_NAME, NotificationServicer, add_to


def build(runtime: Runtime) -> Parts:
    """Return the parts of the deployment that `runtime` names."""
    directory = runtime.settings.data_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    deployment = runtime.deployment.name
    servicer = NotificationServicer(runtime.queries, deployment, runtime.table.events_topic(deployment))
    return Parts(
        aggregate=handlers.aggregate(FileChannel(directory / "notices.db"), runtime.catalogue),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
    )


if __name__ == "__main__":
    run("notification", build)
