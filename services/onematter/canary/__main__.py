"""Run the canary: `python -m onematter.canary`.

Exit codes: 0 after SIGTERM or SIGINT; 1 for a setting that is wrong.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import uuid
from itertools import count, cycle
from threading import Event

from onematter.backbone import logs
from onematter.backbone.http import HealthServer
from onematter.backbone.metrics import Metrics
from onematter.backbone.settings import SettingWrong
from onematter.canary.core import STAGES
from onematter.canary.probe import Ended, Failed, Probe
from onematter.canary.settings import CanarySettings
from onematter.client.channel import Services
from onematter.contracts import keys
from onematter.contracts.connections import SettingMissing

CALL_SECONDS = 10.0

logger = logging.getLogger("onematter")


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logs.set_up("canary", os.environ.get("ONEMATTER_DEPLOYMENT", "canary"))
    try:
        settings = CanarySettings.from_environment()
        logging.getLogger().setLevel(settings.log_level)
    except (SettingMissing, SettingWrong) as error:
        logger.critical("%s", error)
        sys.exit(1)
    ending = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    serve(settings, ending)


def serve(settings: CanarySettings, ending: Event) -> None:
    """Run one matter after the other until `ending` is set."""
    metrics = Metrics("canary", settings.deployment)
    last, seconds = metrics["canary_last_success_timestamp_seconds"], metrics["canary_duration_seconds"]
    runs, failures = metrics["canary_runs_total"], metrics["canary_failures_total"]
    # Told from the start, so that the first failure is a growth and a success that never was is long ago.
    for division in settings.divisions:
        last.labels(division).set(0)
    for stage in STAGES:
        failures.labels(stage)
    moved = time.monotonic()

    def alive() -> bool:
        return time.monotonic() - moved < 2 * (settings.interval_seconds + settings.timeout_seconds)

    http = HealthServer(settings.metrics_address, metrics, alive, lambda: True)
    logger.info("%s: metrics http://%s/metrics", settings.deployment, http.address)
    with Services(settings.addresses, deadline_seconds=min(CALL_SECONDS, settings.timeout_seconds)) as services:
        probe = Probe(
            services,
            settings.deployment,
            settings.timeout_seconds,
            ending,
            lambda stage, after_seconds: seconds.labels(stage).observe(after_seconds),
        )
        for number, division in zip(count(1), cycle(settings.divisions)):
            moved = began = time.monotonic()
            request_id = uuid.uuid4().hex
            matter = {"matter_id": keys.matter_id(settings.deployment, request_id)}
            try:
                probe.run(division, request_id, number)
                runs.inc()
                last.labels(division).set_to_current_time()
                logger.debug("%s: archived and proven", division, extra=matter)
            except Failed as failed:
                runs.inc()
                failures.labels(failed.stage).inc()
                logger.error("%s: the run failed at %s: %s", division, failed.stage, failed, extra=matter)
            except Ended:
                break
            if ending.wait(max(0.0, began + settings.interval_seconds - time.monotonic())):
                break
    http.stop()


if __name__ == "__main__":
    main()
