"""The decision on a task (作出决定), by a person or by rule (秒批), finally.

Rule 1: a denial names the articles on which it rests (行政许可法 §38) and tells its remedies: reconsideration within 60
days (行政复议法 §20), a court within 6 months (行政诉讼法 §46); both numbers are general knowledge.
Rule 2: a grant hands over a document per certificate that the item produces, or the written decision (决定书) when it
produces none. Its validity begins on the day of the decision, China time, and its last day is the one before the
anniversary: five years from 2026-11-23 end with 2031-11-22, and those from a 29 February with 28 February.
Rule 3: a grant waits for what it rests on: opinions, the joint site visit, materials that follow later (容缺), and
those that their holders did not share. One on a pledge (告知承诺) waits neither for the visit nor for originals (class
C): what was pledged is verified afterwards.
Rule 4: a rule of the catalogue grants only where nothing of that is to be waited for.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from onematter.approval.checks import (
    check_not_suspended,
    check_nothing_outstanding,
    check_text,
    department_of,
    division_of,
    event_by,
    task_in_hand,
)
from onematter.approval.desk import Desk, Evolver, Handler, Reactor, TimerHandler
from onematter.approval.entries import check_day, check_entries, without_repeats
from onematter.approval.opinions import check_opinions, conditions_of
from onematter.approval.sharing import check_nothing_unshared
from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand, DecideTask, Decision, OpenTask
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent, TaskDecided
from onematter.approval.v1.approval_state_pb2 import TasksState, TaskState, TaskStatus
from onematter.approval.visits import check_visit
from onematter.common.v1.actor_pb2 import ActorRole
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.contracts.aggregate import Context, Refusal
from onematter.law.calendar import CHINA_OFFSET_MS, DAY_MS, legal_date
from onematter.law.matters import ItemType
from onematter.law.remedies import LITIGATION_MONTHS, RECONSIDERATION_DAYS
from onematter.law.rule_reports import used
from onematter.law.rules import Facts

MAX_OPINION_CHARACTERS = 4_000

# The certificate type of the written decision (决定书).
DECISION_DOCUMENT = "decision"

_GRANT = Decision.DECISION_GRANT
_DENY = Decision.DECISION_DENY
# Looked up once: an enum's name is looked for anew each time, and the loop is hot.
_DECIDED = TaskStatus.TASK_STATUS_DECIDED


def decide_task(
    desk: Desk, state: TasksState, command: ApprovalCommand, context: Context
) -> ApprovalEvent | CommandRefused:
    """Decide a task, finally."""
    refusal = Refusal("decide_task")
    asked, now = command.decide_task, context.now_unix_ms
    valid_until = _check_content(refusal, asked, legal_date(now))
    task = task_in_hand(refusal, state, command, now)
    if task is None:
        return refusal.outcome()
    check_not_suspended(refusal, task)
    types = desk.types_of(task)
    known = None if types is None else types[1]
    if asked.decision == _GRANT:
        _check_ready(refusal, task, known, now)
    if refusal:
        return refusal.outcome()
    event = event_by(command.actor, task)
    decided = event.task_decided
    decided.decision = asked.decision
    decided.opinion = asked.opinion
    decided.department = department_of(task)
    decided.basis.extend(without_repeats(asked.basis))
    if asked.decision == _DENY:
        decided.reconsideration_days = RECONSIDERATION_DAYS
        decided.litigation_months = LITIGATION_MONTHS
        return event
    decided.conditions.extend(without_repeats(conditions_of(task), asked.conditions))
    decided.pledged = _is_pledged(task, known)
    number = document_number(task.opened.matter_number, task.item_id)
    _add_documents(decided, known, division_of(task), legal_date(now), valid_until, number)
    return event


def may_be_granted_by_rule(known: ItemType, opening: OpenTask) -> bool:
    """Tell whether nothing but the item's own rule stands between it and a grant."""
    return (
        known.opinions is None
        and (known.joint_visit_group is None or opening.site_visit.passed or (opening.pledged and known.pledge))
        and not opening.outstanding_materials
    )


def granted_by_rule(desk: Desk, opening: OpenTask, known: ItemType, facts: Facts, now_unix_ms: int) -> ApprovalEvent:
    """Return the event that opens and grants the item in one, by `known`'s rule, which holds for `facts`."""
    assert known.rule is not None, "a grant by a rule that the item does not have"
    number = document_number(opening.matter_number, opening.item.item_id).encode()
    day_number = (now_unix_ms + CHINA_OFFSET_MS) // DAY_MS
    pieces = _grant_of_day(known, desk.deployment, opening.item.SerializeToString(), day_number, len(number))
    event = ApprovalEvent.FromString(number.join(pieces))
    add = event.task_decided.rule_report.facts.add
    for key, value in used(known.rule, facts):
        add(key=key, value=value)
    if known.pledge and opening.pledged:
        event.task_decided.pledged = True
    return event


@lru_cache(maxsize=4_096)
def _grant_of_day(
    known: ItemType, deployment: str, item: bytes, day_number: int, number_bytes: int
) -> tuple[bytes, ...]:
    """Return what all grants of one item by its rule on one day have in common: the event as the contract writes it,
    cut where the documents' number of `number_bytes` stands. The loop is hot, and to join and read bytes costs less
    than to set the fields one by one.

    `item` is the item as the contract writes it, `day_number` the China day, counted from 1970-01-01.
    """
    assert known.rule is not None, "a grant by a rule that the item does not have"
    event = ApprovalEvent()
    decided = event.task_decided
    decided.decision = _GRANT
    decided.automatic = True
    decided.rule = known.rule.text
    decided.rule_report.version = known.rule_version
    decided.rule_report.verdict = "holds"
    decided.item.MergeFromString(item)
    decided.department = decided.item.department
    event.item_id = decided.item.item_id
    actor = event.actor
    actor.principal = deployment
    actor.role = ActorRole.ACTOR_ROLE_SYSTEM
    actor.level = decided.item.level
    actor.division = decided.item.division
    actor.department = decided.item.department
    # No text that people or programs write has such a run of NUL characters.
    place = "\0" * number_bytes
    _add_documents(decided, known, actor.division, legal_date(day_number * DAY_MS - CHINA_OFFSET_MS), None, place)
    pieces = tuple(event.SerializeToString(deterministic=True).split(place.encode()))
    assert len(pieces) == len(decided.certificates) + 1, "the place of a number stands where no number does"
    return pieces


def document_number(matter_number: str, item_id: str) -> str:
    """Return the number of what a grant of an item hands over: the matter's, and the item's in it."""
    return f"{matter_number}-{item_id}"


def _check_content(refusal: Refusal, asked: DecideTask, today: date) -> date | None:
    """Check what can be judged without the task; return the last day of validity that was asked for."""
    if asked.decision == Decision.DECISION_UNSPECIFIED:
        refusal.add("decide_task.decision", Reason.REASON_FIELD_MISSING)
    elif asked.decision not in (_GRANT, _DENY):
        refusal.add("decide_task.decision", Reason.REASON_FIELD_MALFORMED, {"allowed": "GRANT, DENY"})
    check_text(refusal, "decide_task.opinion", asked.opinion, MAX_OPINION_CHARACTERS, Reason.REASON_OPINION_MISSING)
    check_entries(refusal, "decide_task.basis", asked.basis)
    check_entries(refusal, "decide_task.conditions", asked.conditions)
    if asked.decision == _DENY:
        if not asked.basis:
            refusal.add("decide_task.basis", Reason.REASON_LEGAL_BASIS_MISSING)
        for name, given in (("conditions", asked.conditions), ("valid_until", asked.valid_until)):
            if given:
                refusal.add(f"decide_task.{name}", Reason.REASON_FIELD_MALFORMED, {"rule": "grant_only"})
        return None
    if not asked.valid_until:
        return None
    valid_until = check_day(refusal, "decide_task.valid_until", asked.valid_until)
    if valid_until is not None and valid_until < today:
        parameters = {"rule": "not_past", "earliest": today.isoformat()}
        refusal.add("decide_task.valid_until", Reason.REASON_FIELD_MALFORMED, parameters)
    return valid_until


def _check_ready(refusal: Refusal, task: TaskState, known: ItemType | None, now_unix_ms: int) -> None:
    """Check that what a grant rests on is there."""
    check_opinions(refusal, task, None if known is None else known.opinions, now_unix_ms)
    pledged_for: set[str] = set()
    if _is_pledged(task, known):
        pledged_for = _originals_of(known)
    else:
        check_visit(refusal, task, known)
    check_nothing_outstanding(refusal, task, pledged_for)
    check_nothing_unshared(refusal, task, pledged_for)


def _is_pledged(task: TaskState, known: ItemType | None) -> bool:
    return task.opened.pledged and (known is None or known.pledge)


def _originals_of(known: ItemType | None) -> set[str]:
    """Return the materials whose originals are looked at in a window: what a pledge stands for."""
    return set() if known is None else {one.material_id for one in known.materials if one.trust_class == "C"}


def _add_documents(
    decided: TaskDecided, known: ItemType | None, division: str, day: date, valid_until: date | None, number: str
) -> None:
    """Add what a grant hands over, and who supervises from now on (审管衔接)."""
    types: tuple[str, ...] = ()
    if known is not None:
        types = known.produces_certificates
        decided.supervised_by = known.supervised_by or ""
        if valid_until is None and known.validity_years:
            valid_until = last_day_of_validity(day, known.validity_years)
    for certificate_type in types or (DECISION_DOCUMENT,):
        decided.certificates.add(
            certificate_type=certificate_type,
            number=number,
            issuer_department=decided.department,
            issuer_division=division,
            valid_from=day.isoformat(),
            valid_until="" if valid_until is None else valid_until.isoformat(),
        )


def last_day_of_validity(first_day: date, years: int) -> date:
    """Return the last day of a validity of whole years that begins on `first_day`."""
    try:
        anniversary = first_day.replace(year=first_day.year + years)
    except ValueError:
        # 29 February, in a year without one.
        anniversary = date(first_day.year + years, 3, 1)
    return anniversary - timedelta(days=1)


def evolve_decided(task: TaskState, event: ApprovalEvent) -> None:
    """Keep the decision."""
    task.status = _DECIDED
    task.decided.CopyFrom(event.task_decided)
    task.decided_time.CopyFrom(event.time)


DECIDE: dict[str, Handler] = {"decide_task": decide_task}
FROM_INTAKE: dict[str, Handler] = {}
TIMERS: dict[str, TimerHandler] = {}
EVOLVE: dict[str, Evolver] = {"task_decided": evolve_decided}
REACT: dict[str, Reactor] = {}
