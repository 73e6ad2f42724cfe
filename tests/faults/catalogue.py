"""Every fault, in the order in which rounds play them: one of each module, then the next of each, so that a run that
ends early has played something of every kind.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from itertools import chain, zip_longest

from tests.faults.harness import Fault

MODULES = ("kills", "proxy", "disks", "skew", "wire", "poison", "versions", "restores")


def all_faults() -> list[Fault]:
    """The faults of all modules. Imported before a world is opened: a module may ask something of the stack."""
    modules: list[Sequence[Fault]] = [importlib.import_module(f"tests.faults.{name}").FAULTS for name in MODULES]
    return [fault for fault in chain(*zip_longest(*modules)) if fault is not None]


def named(names: Sequence[str]) -> list[Fault]:
    """The faults whose names begin with one of these; all without any. Raises ValueError for a name that fits none."""
    faults = all_faults()
    for name in names:
        if not any(fault.name.startswith(name) for fault in faults):
            raise ValueError(f"no fault begins with {name!r}; there are: {', '.join(fault.name for fault in faults)}")
    return [fault for fault in faults if not names or any(fault.name.startswith(name) for name in names)]
