"""Every fault, in the order in which rounds play them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence

from tests.faults.harness import Fault

MODULES = ("kills", "proxy", "disks", "skew", "wire", "poison", "versions")


def all_faults() -> list[Fault]:
    """The faults of all modules. Imported before a world is opened: a module may ask something of the stack."""
    found: list[Fault] = []
    for name in MODULES:
        if importlib.util.find_spec(f"tests.faults.{name}") is not None:
            faults: Sequence[Fault] = getattr(importlib.import_module(f"tests.faults.{name}"), "FAULTS", ())
            found += faults
    return found


def named(names: Sequence[str]) -> list[Fault]:
    """The faults whose names begin with one of these; all without any. Raises ValueError for a name that fits none."""
    faults = all_faults()
    for name in names:
        if not any(fault.name.startswith(name) for fault in faults):
            raise ValueError(f"no fault begins with {name!r}; there are: {', '.join(fault.name for fault in faults)}")
    return [fault for fault in faults if not names or any(fault.name.startswith(name) for name in names)]
