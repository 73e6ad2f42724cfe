"""A service of a later version: its contract has new fields and a new type of event, and it uses them.

    PYTHONPATH=<tree>:<repository> python -m tests.faults.newer onematter.approval

`<tree>` is what `tests.faults.versions.newer_tree` makes. Approval takes a remark with a release of a task, and tells
it as an event of its own; what it decides carries a mark. Intake keeps a mark in its state, and tells remarks on.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.contracts.aggregate import NO_EFFECTS
from onematter.intake.v1.intake_events_pb2 import MatterEvent

MARK = "written by a later version"


def approval(aggregate: Any) -> Any:
    """The tasks of a later version."""

    def decide(state: Any, command: Any, context: Any) -> Any:
        event = aggregate.decide(state, command, context)
        if not isinstance(event, ApprovalEvent):
            return event
        kind = event.WhichOneof("event")
        if kind == "task_decided":
            event.task_decided.remark = MARK  # type: ignore[attr-defined]
        elif kind == "task_released" and command.release_task.remark:
            event.task_remarked.text = command.release_task.remark  # type: ignore[attr-defined]
        return event

    def evolve(state: Any, event: Any) -> Any:
        if event.WhichOneof("event") != "task_remarked":
            return aggregate.evolve(state, event)
        released = ApprovalEvent()
        released.CopyFrom(event)
        released.task_released.SetInParent()
        new = type(state)()
        new.CopyFrom(aggregate.evolve(state, released))
        new.remarks.append(event.task_remarked.text)
        return new

    def react(state: Any, event: Any) -> Any:
        return NO_EFFECTS if event.WhichOneof("event") == "task_remarked" else aggregate.react(state, event)

    return replace(aggregate, decide=decide, evolve=evolve, react=react)


def intake(aggregate: Any) -> Any:
    """The matter of a later version."""

    def decide(state: Any, command: Any, context: Any) -> Any:
        heard = getattr(command, "event", None)
        if isinstance(heard, ApprovalEvent) and heard.WhichOneof("event") == "task_remarked":
            event: Any = MatterEvent()
            event.matter_remarked.item_id = heard.item_id
            event.matter_remarked.text = heard.task_remarked.text  # type: ignore[attr-defined]
            return event
        return aggregate.decide(state, command, context)

    def evolve(state: Any, event: Any) -> Any:
        kind = event.WhichOneof("event")
        if kind not in ("matter_remarked", "matter_accepted"):
            return aggregate.evolve(state, event)
        new = type(state)()
        new.CopyFrom(state if kind == "matter_remarked" else aggregate.evolve(state, event))
        new.remarks.append(event.matter_remarked.text if kind == "matter_remarked" else MARK)
        return new

    def react(state: Any, event: Any) -> Any:
        return NO_EFFECTS if event.WhichOneof("event") == "matter_remarked" else aggregate.react(state, event)

    return replace(aggregate, decide=decide, evolve=evolve, react=react)


LATER: dict[str, Callable[[Any], Any]] = {"onematter.approval": approval, "onematter.intake": intake}


def main(module: str) -> None:
    """Run the service with its later aggregate."""
    handlers = importlib.import_module(f"{module}.handlers")
    make, later = handlers.aggregate, LATER[module]
    handlers.aggregate = lambda *arguments, **more: later(make(*arguments, **more))  # type: ignore[attr-defined]
    runpy.run_module(f"{module}.__main__", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
