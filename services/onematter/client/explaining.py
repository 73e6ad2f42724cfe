"""Why a matter stands where it stands: findings, each a code, a sentence, the next lawful step and who takes it. Pure.

Rule 1: what is found is what the services say of themselves; a service that does not answer is a finding of its own.
Rule 2: codes are stable, sentences are not. No finding repeats personal data.
Rule 3: what holds a matter up by a fault comes first, then the matter itself, its items, what is asked for it, what was
told, and its record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onematter.approval.v1.approval_state_pb2 import TaskState
from onematter.archive.v1.archive_service_pb2 import CaseFile
from onematter.backbone.v1.operations_service_pb2 import DeadLetter, DeadLetterStatus
from onematter.client.explaining_items import explain_item, explain_sharing, is_called_again
from onematter.client.findings import Finding, Words, find, last_day, listed, place_text, short, when
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest
from onematter.intake.v1.intake_events_pb2 import AcceptanceRefused, MatterCompleted, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.notification.v1.notification_state_pb2 import NoticeState, NoticeStatus

__all__ = ["Sources", "explain", "is_called_again"]

_PARKED = DeadLetterStatus.DEAD_LETTER_STATUS_PARKED


@dataclass
class Sources:
    """What the services said of a matter. `away`: why a service did not answer, by deployment.

    tasks: by item. letters: by deployment, what is parked and set aside. case_file: of a matter that ended.
    """

    matter_id: str
    view: MatterView | None = None
    tasks: Mapping[str, TaskState] = field(default_factory=dict[str, TaskState])
    sharings: Sequence[SharingRequest] = ()
    notices: Sequence[NoticeState] = ()
    case_file: CaseFile | None = None
    letters: Mapping[str, Sequence[DeadLetter]] = field(default_factory=dict[str, Sequence[DeadLetter]])
    away: Mapping[str, str] = field(default_factory=dict[str, str])


def explain(sources: Sources, words: Words) -> list[Finding]:
    """Every finding, in the order in which to read them."""
    view = sources.view
    found = list(_letters(sources, words))
    found += [
        find(words, "SERVICE_UNREACHABLE", {"deployment": one, "why": why}, facts={"deployment": one})
        for one, why in sources.away.items()
    ]
    if view is not None:
        found += _matter(view, words)
        for state in view.items:
            task = sources.tasks.get(state.item.item_id)
            found += explain_item(view, state, task, words, sources.away)
        found += explain_sharing(sources.matter_id, sources.sharings, words)
    found += _notices(sources, words)
    if view is not None and view.status == MatterStatus.MATTER_STATUS_COMPLETED:
        found += _archive(sources, words)
    return found


def _matter(view: MatterView, words: Words) -> Iterator[Finding]:
    matter_id, status = view.matter_id, view.status
    match status:
        case MatterStatus.MATTER_STATUS_RECEIVED:
            values = {"since": when(view.handed_in), "until": last_day(view.acceptance_deadline)}
            yield find(words, "AWAITS_ACCEPTANCE", values, command=f"onematter accept {matter_id}")
        case MatterStatus.MATTER_STATUS_CORRECTION:
            yield _materials("AWAITS_CORRECTION", view.missing, matter_id, words)
        case MatterStatus.MATTER_STATUS_WITHDRAWING:
            yield find(words, "WITHDRAWING", {})
        case MatterStatus.MATTER_STATUS_VOIDING:
            yield find(words, "VOIDING", {})
        case MatterStatus.MATTER_STATUS_COMPLETED:
            values = {"outcome": short(MatterOutcome, view.outcome), "since": when(view.completed)}
            yield find(words, "ENDED", values)
            if view.HasField("delivery_deadline") and not view.HasField("delivered"):
                until = {"until": last_day(view.delivery_deadline)}
                yield find(words, "AWAITS_DELIVERY", until, command=f"onematter deliver {matter_id}")
            return
        case _:
            pass
    if view.outstanding_materials:
        yield _materials("MATERIALS_OUTSTANDING", view.outstanding_materials, matter_id, words)
    if view.unshared_materials:
        yield _materials("MATERIALS_NOT_SHARED", view.unshared_materials, matter_id, words)
    if status == MatterStatus.MATTER_STATUS_RUNNING and all(state.HasField("result") for state in view.items):
        yield find(words, "AWAITS_CONCLUSION", {})


def _materials(code: str, ids: Sequence[str], matter_id: str, words: Words) -> Finding:
    values = {"names": listed([words.material(one) for one in ids], words)}
    command = f"onematter supply {matter_id} …"
    return find(words, code, values, command=command, facts={"materials": list(ids)})


def _letters(sources: Sources, words: Words) -> Iterator[Finding]:
    for deployment, letters in sources.letters.items():
        streams: dict[tuple[str, str], list[DeadLetter]] = {}
        for letter in letters:
            if letter.status == _PARKED:
                streams.setdefault((letter.position.writer, letter.record.topic), []).append(letter)
            else:
                yield _letter("RECORD_SET_ASIDE", deployment, [letter], words)
        for waiting in streams.values():
            yield _letter("RECORD_PARKED", deployment, waiting, words)


def _letter(code: str, deployment: str, waiting: Sequence[DeadLetter], words: Words) -> Finding:
    first = next((letter for letter in waiting if letter.first), waiting[0])
    place = place_text(first.record)
    values = {
        "deployment": deployment, "place": place, "reason": first.reason, "since": when(first.received),
        "behind": len(waiting) - 1,
    }  # fmt: skip
    parked = code == "RECORD_PARKED"
    command = f"onematter dead-letters {'replay' if parked else 'show'} {place} --service {deployment}"
    return find(words, code, values, command=command + (" --reason …" if parked else ""))


def _notices(sources: Sources, words: Words) -> Iterator[Finding]:
    for one in sources.notices:
        if one.status == NoticeStatus.NOTICE_STATUS_DELAYED:
            values = {
                "kind": words.notice(one.notice.kind), "notice_id": one.notice.notice_id, "attempts": one.attempts,
                "since": when(one.time),
            }  # fmt: skip
            command = f"onematter matter retry {sources.matter_id} --reason …"
            yield find(words, "NOTICE_NOT_DELIVERED", values, command=command)


def _archive(sources: Sources, words: Words) -> Iterator[Finding]:
    case = sources.case_file
    if case is not None and case.HasField("seal"):
        yield find(words, "SEALED", {}, command=f"onematter verify {sources.matter_id}")
    elif "archive" not in sources.away:
        missing = missing_records(case if case is not None else CaseFile())
        names = [f"{one['topic']} {one['has']}/{one['last']}" for one in missing]
        values = {"names": listed(names, words)}
        yield find(words, "NOT_SEALED", values, command="onematter dead-letters list", facts={"missing": missing})


def missing_records(case: CaseFile) -> list[dict[str, Any]]:
    """The streams of the manifest that are not whole: how far each has arrived without a hole, and its last.

    While the record that ends the matter is not there, its own stream, of which the last is not known (0).
    """
    have: dict[tuple[str, str], int] = {}
    manifest: Sequence[Any] = ()
    for record in sorted(case.records, key=lambda one: one.position.sequence):
        stream = (record.position.writer, record.position.topic)
        if record.position.sequence == have.get(stream, 0) + 1:
            have[stream] = record.position.sequence
        if record.type == MatterCompleted.DESCRIPTOR.full_name:
            manifest = MatterEvent.FromString(record.value).matter_completed.manifest
        elif record.type == AcceptanceRefused.DESCRIPTOR.full_name:
            manifest = MatterEvent.FromString(record.value).acceptance_refused.manifest
    if not manifest:
        return [{"writer": writer, "topic": topic, "has": has, "last": 0} for (writer, topic), has in have.items()]
    return [
        {"writer": one.writer, "topic": one.topic, "has": has, "last": one.sequence}
        for one in manifest
        if (has := have.get((one.writer, one.topic), 0)) < one.sequence
    ]
