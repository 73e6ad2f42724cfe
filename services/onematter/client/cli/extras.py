"""What commands take from the package's extras, and the day they run on.

Rule 1: a module of an extra is imported when a command runs, so that the client alone needs none of them.
"""

from __future__ import annotations

import importlib
from datetime import UTC, date, datetime
from types import ModuleType

from onematter.client.errors import Invalid
from onematter.law.calendar import legal_date


def extra_module(name: str, extra: str = "services") -> ModuleType:
    """The module `onematter.<name>`. Raises Invalid naming `extra` when a package of it is missing."""
    try:
        return importlib.import_module(f"onematter.{name}")
    except ModuleNotFoundError as error:
        raise missing(error, extra) from None


def missing(error: ModuleNotFoundError, extra: str) -> Invalid:
    """What to tell when a package of `extra` is not there."""
    return Invalid(
        f'this command needs {error.name}, which is not installed: pip install "onematter[{extra}]"',
        f'此命令需要 {error.name}，但没有安装：pip install "onematter[{extra}]"',
    )


def legal_today() -> date:
    """The legal date (China time) now."""
    return legal_date(int(datetime.now(UTC).timestamp() * 1000))
