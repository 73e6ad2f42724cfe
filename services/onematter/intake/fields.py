"""How a refusal names the field that is at fault.

Rule 1: no name that the sender chose is repeated unless it has the form of a short label; else its position is told.
"""

# pyright: strict

from __future__ import annotations

import re

from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Refusal

# Too short for an identity number, and no run of digits: a label, not personal data.
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,15}|[0-9]{1,3}")


def label(name: str, position: int) -> str:
    """Return `name` when it may be told, else `#` and its position from 0."""
    return name if _LABEL.fullmatch(name) else f"#{position}"


def too_long(refusal: Refusal, field: str, limit: int) -> None:
    """Note that `field` has more than `limit` characters or members."""
    refusal.add(field, Reason.REASON_FIELD_TOO_LONG, {"limit": str(limit)})


def absent_or_malformed(number: int) -> Reason:
    """Return what is wrong with an enumeration's number that is not among those allowed."""
    return Reason.REASON_FIELD_MALFORMED if number else Reason.REASON_FIELD_MISSING
