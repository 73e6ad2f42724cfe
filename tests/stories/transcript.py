"""A matter's events as a story that an official can read: who did what and when, by when, with how many trips, and why.

Rule 1: the story is made of the events alone, in the order of their legal time; nothing of it is kept anywhere else.
Rule 2: every event has its sentence, a new one must get one. What only repeats another event has an empty one.
Rule 3: no digest and no bytes: a story changes when what happened changes, and for nothing else.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from tests.stories import matter_sentences, task_sentences, words
from tests.stories.words import Words, moment
from tests.stories.world import Told, World

from onematter.archive.accounting import account
from onematter.client.verification import verify
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import MATTER_EVENTS
from onematter.intake.v1.intake_events_pb2 import Item
from onematter.law.accounting import Applicant, Office, Owner, SpecialProcedure
from onematter.law.catalogue import UnknownMatter

GOLDEN = Path(__file__).parent / "golden"
_HANDED_IN = ("matter_received", "matter_accepted")
_INDENT = " " * 21


def transcript(world: World, matter_id: str) -> str:
    """Return the story of a matter."""
    # Of one instant as they stand in the log: what one event brings about comes after it.
    events = sorted(world.events(matter_id), key=lambda told: unix_ms(told.event.time))
    first = next((told for told in events if told.kind in _HANDED_IN), None)
    if first is None:
        return "\n".join(_lines(Words(world.catalogue, None, ()), events)) + "\n"
    handed_in = getattr(first.event, first.kind)
    items: list[Item] = [
        i for told in events if told.kind == "matter_accepted" for i in told.event.matter_accepted.items
    ]
    try:
        matter_type = world.catalogue.get(handed_in.matter_code, handed_in.catalogue_version)
    except UnknownMatter:
        matter_type = None
    say = Words(world.catalogue, matter_type, items)
    title = f"{handed_in.name.texts[words.CHINESE]}（{handed_in.matter_code} 第 {handed_in.catalogue_version} 版）"
    lines = [
        f"{title}  办件 {handed_in.matter_number}",
        f"办理地 {say.division(handed_in.division)}",
        "",
        *_lines(say, events),
        "",
        *_whose_time(world, matter_id, say),
        *_notices(world, matter_id),
        _sealed(world, matter_id),
    ]
    return "\n".join(lines) + "\n"


def _lines(say: Words, events: list[Told]) -> list[str]:
    lines: list[str] = []
    before = ""
    for position, told in enumerate(events):
        sentence = _sentence(say, told, is_first=not any(one.kind in _HANDED_IN for one in events[:position]))
        if not sentence:
            continue
        when = moment(unix_ms(told.event.time))
        lines.append(
            f"{'' if when == before else when:<{len(_INDENT) - 1}} {sentence.replace(chr(10), chr(10) + _INDENT)}"
        )
        if when == before:
            lines[-1] = _INDENT + lines[-1].lstrip()
        before = when
    return lines


def _sentence(say: Words, told: Told, *, is_first: bool) -> str:
    if told.topic != MATTER_EVENTS:
        return task_sentences.SENTENCES[told.kind](say, told.event)
    if told.kind == "matter_accepted" and not is_first:
        return matter_sentences.ACCEPTED_LATER(say, told.event)
    return matter_sentences.SENTENCES[told.kind](say, told.event)


def _whose_time(world: World, matter_id: str, say: Words) -> list[str]:
    found = account(world.case_file(matter_id).records, world.table, world.calendar, world.now_unix_ms)
    if found is None:
        return []
    shares = "；".join(f"{_owner(say, owner)} {_hours(minutes)}" for owner, minutes in found.by_owner().items())
    return [f"工作时间 {_hours(found.minutes)}{f'：{shares}' if shares else ''}。"]


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} 小时 {rest} 分" if hours else f"{rest} 分"


def _owner(say: Words, owner: Owner) -> str:
    match owner:
        case Office():
            department = "综合窗口" if owner.department == "government_services" else say.department(owner.department)
            return f"{say.division(owner.division)}{department}"
        case Applicant():
            return "申请人"
        case SpecialProcedure(kind):
            names = {words.SuspensionReason.Name(one).lower(): name for one, name in words.SUSPENSIONS.items()}
            return f"特别程序（{names[f'suspension_reason_{kind}']}）"


def _notices(world: World, matter_id: str) -> list[str]:
    subjects = Counter(letter.subject for letter in world.letters(matter_id))
    told = "；".join(f"{subject}{f' {count} 次' if count > 1 else ''}" for subject, count in subjects.items())
    return [f"告知申请人 {subjects.total()} 次：{told}。"] if subjects else []


def _sealed(world: World, matter_id: str) -> str:
    receipt = world.receipt(matter_id)
    if receipt is None:
        return "尚未归档。"
    found = verify(world.case_file(matter_id), receipt)
    assert found.difference is None, found.difference
    return f"已归档：{len(receipt.seal.manifest)} 个部门环节的记录齐全，回执核验无误。"


def compare(name: str, world: World, matter_id: str) -> None:
    """Hold the story against the golden file `name`; ONEMATTER_GOLDEN=write writes it again."""
    story = transcript(world, matter_id)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("ONEMATTER_GOLDEN") == "write":
        golden.write_text(story, encoding="utf-8")
    assert golden.is_file(), f"no story {name} yet; ONEMATTER_GOLDEN=write keeps it"
    assert story == golden.read_text(encoding="utf-8"), "read it; ONEMATTER_GOLDEN=write keeps it"
