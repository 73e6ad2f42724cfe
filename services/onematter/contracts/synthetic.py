"""The matter by which an installation watches itself (自检办件), and how it is told from everybody's.

Rule 1: the mark is the matter's code, which the catalogue gives, and no field of a hand-in: nobody can have a matter
left out of the indicators by saying so.
Rule 2: operators alone may hand it in, and it grants nothing to anybody.
Rule 3: who counts matters (indicators, decisions, notices, times from hand-in to result and seal) leaves it out; who
counts records and calls does not, since it is work like all other.
"""

from __future__ import annotations

MATTER_CODE = "SELF-01"
# The department of its items, which has no others.
DEPARTMENT = "self_check"


def is_synthetic(matter_code: str) -> bool:
    """Whether a matter of this code is the installation's own."""
    return matter_code == MATTER_CODE
