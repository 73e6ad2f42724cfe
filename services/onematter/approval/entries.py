"""Lists and days as people write them in commands: articles, conditions, departments, China dates.

Rule 1: like every check, these add what they find and go on. What was written is never repeated in a refusal; its
place in the list is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Refusal

MAX_ENTRIES = 20
MAX_ENTRY_CHARACTERS = 500
# Codes of departments are short words.
MAX_DEPARTMENT_CHARACTERS = 64


def check_entries(refusal: Refusal, field: str, entries: Sequence[str], limit: int = MAX_ENTRY_CHARACTERS) -> None:
    """Check a list: at most MAX_ENTRIES, each of them says something in at most `limit` characters, none twice."""
    if len(entries) > MAX_ENTRIES:
        refusal.add(field, Reason.REASON_FIELD_TOO_LONG, {"limit": str(MAX_ENTRIES)})
        return
    seen: set[str] = set()
    for position, entry in enumerate(entries):
        place, text = f"{field}[{position}]", entry.strip()
        if not text:
            refusal.add(place, Reason.REASON_FIELD_MISSING)
        elif len(entry) > limit:
            refusal.add(place, Reason.REASON_FIELD_TOO_LONG, {"limit": str(limit)})
        elif "\0" in entry:
            refusal.add(place, Reason.REASON_FIELD_MALFORMED, {"rule": "no NUL character"})
        elif text in seen:
            refusal.add(place, Reason.REASON_FIELD_MALFORMED, {"rule": "distinct"})
        seen.add(text)


def check_known(refusal: Refusal, field: str, departments: Sequence[str], table: Collection[str]) -> None:
    """Check that each department stands in the catalogue's table; a catalogue without one cannot tell."""
    for position, department in enumerate(departments[:MAX_ENTRIES]):
        if table and department.strip() and department.strip() not in table:
            refusal.add(f"{field}[{position}]", Reason.REASON_FIELD_MALFORMED, {"rule": "department"})


def without_repeats(*lists: Sequence[str]) -> list[str]:
    """Return the lists as one, each entry trimmed and at its first place alone."""
    return list(dict.fromkeys(entry.strip() for entries in lists for entry in entries))


def check_day(refusal: Refusal, field: str, text: str) -> date | None:
    """Return the China date that a text is; None after adding that it is none. ISO 8601, as 2026-11-23."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # ISO 8601 has more forms of a day than the contract.
    if day is None or day.isoformat() != text:
        refusal.add(field, Reason.REASON_FIELD_MALFORMED, {"rule": "day"})
        return None
    return day
