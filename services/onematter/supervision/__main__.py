"""Supervision's process: `python -m onematter.supervision [rebuild]`.

Reads KAFKA_BOOTSTRAP_SERVERS (and the other settings of a Kafka connection), ONEMATTER_METRICS_ADDRESS
(host:port, for metrics, health and indicators), ONEMATTER_DATA_DIR, ONEMATTER_DEPLOYMENT (`supervision`
unless given), and in a test (ONEMATTER_ENVIRONMENT) ONEMATTER_TEST_CLOCK, which moves the window's days.
`rebuild` deletes the consumer group, the changelog and the local files, and starts: the indicators come
again from the matters' events alone. Without it a lost changelog is filled again likewise.
A broker that is away is waited for.
Exit codes: 0 after SIGTERM or SIGINT; 2 for a setting or a topic that is missing; 70 when a change could not be
kept; 1 for any other failure.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import click
import faust
from confluent_kafka import KafkaException

from onematter.backbone import logs
from onematter.backbone.broker import admin_client
from onematter.backbone.clock import TEST, ClockRefused, clock_of
from onematter.contracts.connections import KafkaConnection, SettingMissing
from onematter.supervision.app import Supervision
from onematter.supervision.http import HttpDoor
from onematter.supervision.provision import Names, Unprovisioned, awaited, provide, remove_state

log = logging.getLogger("onematter")


@click.command()
@click.argument("action", type=click.Choice(["run", "rebuild"]), default="run")
def main(action: str) -> None:
    """Keep the live indicators; `rebuild` starts without any kept state."""
    logs.set_up("supervision", os.environ.get("ONEMATTER_DEPLOYMENT", "supervision"), logging.WARNING)
    # Their warnings tell of idle streams, rebalances and full buffers, which are no news here.
    for noisy in ("faust", "mode", "aiokafka"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # An error whenever a group's coordinator is still being chosen, as on a new cluster; it is asked again.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)
    # Until the worker is there, which ends in an order of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        connection = KafkaConnection.from_environment()
        address = _required("ONEMATTER_METRICS_ADDRESS")
        data_dir = Path(_required("ONEMATTER_DATA_DIR"))
        test_clock = os.environ.get("ONEMATTER_TEST_CLOCK")
        is_test = os.environ.get("ONEMATTER_ENVIRONMENT") == TEST
        clock = clock_of(Path(test_clock) if test_clock else None, is_test=is_test)
        names = Names.of(os.environ.get("ONEMATTER_DEPLOYMENT", "supervision"))
        admin = admin_client(connection)
        if action == "rebuild":
            awaited(lambda: remove_state(admin, names, data_dir))
        supervision = Supervision(connection, names, awaited(lambda: provide(admin, names)), data_dir, clock)
    except (SettingMissing, ClockRefused, Unprovisioned, KafkaException) as error:
        log.critical("%s", error)
        sys.exit(2)
    data_dir.mkdir(parents=True, exist_ok=True)
    worker = faust.Worker(
        supervision.app,
        HttpDoor(supervision, address),
        loglevel="WARNING",
        quiet=True,
        redirect_stdouts=False,
    )
    worker.spinner = None
    worker.execute_from_commandline()


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SettingMissing(f"{name} is not set")
    return value


if __name__ == "__main__":
    main()
