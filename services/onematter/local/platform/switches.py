"""What the made-up platform does instead of answering, by source; a file, so that it can be told while it runs.

    python -m onematter.local.platform.switches .onematter/data/platform market_regulation refused --reason 不予共享
    python -m onematter.local.platform.switches .onematter/data/platform market_regulation found

Rule 1: the file is written whole or not at all, and read at every request; without it everything is found.
Rule 2: a source without a switch of its own has that of ALL.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

FILE_NAME = "switches.json"
ALL = "*"

# delayed: says that it answers after `seconds`, and then does. slow: answers after `seconds`. away: fails the call.
Behaviour = Literal["found", "not_found", "refused", "delayed", "slow", "away"]
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)


@dataclass(frozen=True)
class Switch:
    """What a source does."""

    behaviour: Behaviour = "found"
    reason: str = ""
    seconds: float = 0.0


def read(directory: Path) -> Mapping[str, Switch]:
    """Return the switches by source."""
    try:
        document = json.loads((directory / FILE_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {source: Switch(**switch) for source, switch in document.items()}


def set_switch(directory: Path, source: str, switch: Switch) -> None:
    """Make a source do something from its next request on."""
    switches = {**read(directory), source: switch}
    new = directory / f"{FILE_NAME}.{os.getpid()}.new"
    new.write_text(json.dumps({name: asdict(one) for name, one in switches.items()}, ensure_ascii=False, indent=1))
    new.replace(directory / FILE_NAME)


def of(switches: Mapping[str, Switch], source: str) -> Switch:
    """Return what a source does."""
    return switches.get(source) or switches.get(ALL) or Switch()


def main() -> None:
    """Set one switch."""
    parser = argparse.ArgumentParser(description="what the made-up data-exchange platform does, by source")
    parser.add_argument("directory", type=Path, help="the platform's data folder, as .onematter/data/platform")
    parser.add_argument("source", help=f"a department's code, as market_regulation; {ALL} for all others")
    parser.add_argument("behaviour", choices=BEHAVIOURS)
    parser.add_argument("--reason", default="")
    parser.add_argument("--seconds", type=float, default=0.0, help="of delayed and slow")
    given = parser.parse_args()
    if not given.directory.is_dir():
        parser.error(f"{given.directory} is no folder; start the stack with `onematter up` first")
    set_switch(given.directory, given.source, Switch(given.behaviour, given.reason, given.seconds))


if __name__ == "__main__":
    main()
