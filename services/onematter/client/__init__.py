"""What integrators install: an SDK on Kafka (`OneMatter`), one on gRPC (`Services`) and the `onematter` command.

    from onematter.client import OneMatter

    om = OneMatter("localhost:9092", principal="acme")
    handed_in = om.submit("OM-90", "330106", facts={"amount": 5}, materials=["form.pdf"])
    for event in om.follow(handed_in.matter_id):
        print(event.WhichOneof("event"))

Rule 1: it needs the distribution's base dependencies alone: no database, no compiled Kafka client, no service.
Rule 2: names are imported on first use, so that a command that needs no Kafka does not wait for its client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onematter.client.channel import Services
    from onematter.client.errors import (
        DeadlineExceeded,
        Invalid,
        NotFound,
        OneMatterError,
        Refused,
        Unavailable,
    )
    from onematter.client.handling import Need
    from onematter.client.messages import MaterialFile, MaterialInput, PartyInput
    from onematter.client.sdk import OneMatter, Submission
    from onematter.client.tasks import Task

_MODULES = {
    "DeadlineExceeded": "errors",
    "Invalid": "errors",
    "MaterialFile": "messages",
    "MaterialInput": "messages",
    "Need": "handling",
    "NotFound": "errors",
    "OneMatter": "sdk",
    "OneMatterError": "errors",
    "PartyInput": "messages",
    "Refused": "errors",
    "Services": "channel",
    "Submission": "sdk",
    "Task": "tasks",
    "Unavailable": "errors",
}

__all__ = [
    "DeadlineExceeded",
    "Invalid",
    "MaterialFile",
    "MaterialInput",
    "Need",
    "NotFound",
    "OneMatter",
    "OneMatterError",
    "PartyInput",
    "Refused",
    "Services",
    "Submission",
    "Task",
    "Unavailable",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"onematter.client.{_MODULES[name]}"), name)
