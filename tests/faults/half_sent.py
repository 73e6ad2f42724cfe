"""`python -m tests.faults.half_sent onematter.intake`: a service that dies when a step is half sent.

Its own events are acknowledged, and before what follows from them is sent the process kills itself. So the world has
been told of what nobody was asked to do yet.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Sequence
from typing import Any

from onematter.backbone.kafka import KafkaLog
from onematter.backbone.records import Sending

AFTER = "ONEMATTER_HALF_SENT_AFTER"


def main() -> None:
    """Run the module with KafkaLog.send replaced; ONEMATTER_HALF_SENT_AFTER: how many such steps go well before."""
    left = int(os.environ.get(AFTER, "0"))
    send = KafkaLog.send

    def half(log: KafkaLog, sendings: Sequence[Sending]) -> None:
        nonlocal left
        events: str = vars(log)["_events_topic"]
        if any(one.sequence and one.topic != events for one in sendings):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        send(log, sendings)

    changed: Any = KafkaLog
    changed.send = half
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
