"""A finding about a matter, in the language of whoever reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.backbone.v1.operations_service_pb2 import RecordPlace
from onematter.client.finding_texts import FINDING_TEXTS, NOBODY, WHO
from onematter.contracts.times import unix_ms
from onematter.law.calendar import CHINA_OFFSET_MS, legal_date

CHINA = timezone(timedelta(milliseconds=CHINA_OFFSET_MS))


class Words(Protocol):
    """The reader's language, and names in it. `column`: 0 for zh-CN, 1 for en."""

    column: int

    def material(self, material_id: str) -> str:
        """A material's name, or its id."""
        ...

    def item(self, item_id: str) -> str:
        """An item's id and name."""
        ...

    def level(self, number: int) -> str:
        """A level of government."""
        ...

    def suspension(self, number: int) -> str:
        """Why a clock stands still."""
        ...

    def notice(self, number: int) -> str:
        """What a notice tells."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Why something stands as it does.

    code: stable. item_id: empty for the matter itself. who: who takes the next step, one of finding_texts.WHO. next:
    that step, empty when there is none. command: how to take it here. facts: what a program may want of it.
    """

    code: str
    item_id: str
    sentence: str
    who: str
    next: str
    command: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "code": self.code,
            "item_id": self.item_id,
            "sentence": self.sentence,
            "next": {"who": self.who, "step": self.next, "command": self.command},
            "facts": dict(self.facts),
        }


def find(
    words: Words, code: str, values: Mapping[str, Any], *, item_id: str = "", command: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Finding:  # fmt: skip
    """The finding of a code; `values` fill its texts, and are its facts unless others are given."""
    text = FINDING_TEXTS[code]
    said = {name: "-" if value == "" and name != "late" else value for name, value in values.items()}
    sentence, step = text.sentence[words.column].format(**said), text.next[words.column].format(**said)
    return Finding(code, item_id, sentence, text.who, step, command, dict(values) if facts is None else facts)


def next_step(finding: Finding, words: Words) -> str:
    """Who does what next; empty when nobody need do anything."""
    if not finding.next or finding.who == NOBODY:
        return finding.next
    return f"{WHO[finding.who][words.column]}{('：', ': ')[words.column]}{finding.next}"


def when(timestamp: Timestamp) -> str:
    """A time in China, to the minute; empty for none."""
    if not timestamp.seconds:
        return ""
    return f"{datetime.fromtimestamp(unix_ms(timestamp) / 1000, CHINA):%Y-%m-%d %H:%M}"


def last_day(deadline: Timestamp) -> str:
    """The China day that ends with a deadline, which is that day's 24:00; empty for none."""
    return legal_date(unix_ms(deadline) - 1).isoformat() if deadline.seconds else ""


def place_text(place: RecordPlace) -> str:
    """TOPIC/PARTITION/OFFSET, as a person writes it."""
    return f"{place.topic}/{place.partition}/{place.offset}"


def short(enum: Any, number: int) -> str:
    """An enum's value by its name without the enum's; a number of tomorrow as it is."""
    known = enum.DESCRIPTOR.values_by_number.get(number)
    zero: str = enum.DESCRIPTOR.values_by_number[0].name
    return known.name.removeprefix(zero.removesuffix("UNSPECIFIED")) if known is not None else str(number)


def listed(names: Sequence[str], words: Words) -> str:
    """Names in a row."""
    return ("、", ", ")[words.column].join(names)
