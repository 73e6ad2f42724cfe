"""Why a matter stands where it stands: each thing that it may wait for is found, with its next step."""

from __future__ import annotations

import re
from typing import Any

import pytest

from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.archive.v1.archive_service_pb2 import CaseFile
from onematter.backbone.v1 import operations_service_pb2 as operations
from onematter.client.explaining import Sources, explain
from onematter.client.finding_texts import FINDING_TEXTS, WHO
from onematter.client.findings import Finding, next_step
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.exchange.v1.exchange_events_pb2 import DelayCause
from onematter.exchange.v1.exchange_state_pb2 import SharingRequest, SharingStatus
from onematter.intake.v1.intake_events_pb2 import ItemOutcome, MatterCompleted, MatterEvent, MatterOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState, ItemStatus, MatterStatus
from onematter.notification.v1.notification_events_pb2 import NoticeKind
from onematter.notification.v1.notification_state_pb2 import NoticeState, NoticeStatus

MATTER = "a" * 32
# 2026-11-23 12:00 in China, and 24:00 of 2026-12-01.
NOON, LAST = 1_795_406_400, 1_796_140_800


class Plain:
    """Ids for names."""

    def __init__(self, column: int = 1) -> None:
        self.column = column

    def material(self, material_id: str) -> str:
        return material_id

    def item(self, item_id: str) -> str:
        return item_id

    def level(self, number: int) -> str:
        return {Level.LEVEL_CITY: "city"}.get(number, "?")  # type: ignore[call-overload]

    def suspension(self, number: int) -> str:
        return SuspensionReason.Name(number).removeprefix("SUSPENSION_REASON_").lower()  # type: ignore[arg-type]

    def notice(self, number: int) -> str:
        return NoticeKind.Name(number)  # type: ignore[arg-type]


def view(status: int = MatterStatus.MATTER_STATUS_RUNNING, **fields: Any) -> MatterView:
    made = MatterView(matter_id=MATTER, status=status, **fields)  # type: ignore[arg-type]
    made.handed_in.seconds = NOON
    return made


def item(of: MatterView, status: int = ItemStatus.ITEM_STATUS_OPEN, item_id: str = "02") -> ItemState:
    state = of.items.add(status=status)  # type: ignore[arg-type]
    state.item.item_id, state.item.owner, state.item.level = item_id, "approval-city", Level.LEVEL_CITY
    state.item.division, state.item.department = "330100", "water"
    return state


def task(status: int = TaskStatus.TASK_STATUS_OPEN) -> TaskState:
    made = TaskState(item_id="02", status=status)  # type: ignore[arg-type]
    made.opened_time.seconds, made.deadlines.promised.seconds = NOON, LAST
    return made


def found(sources: Sources, code: str, column: int = 1) -> Finding:
    """The one finding of a code; the other language finds the same."""
    told = [[(one.code, one.facts) for one in explain(sources, Plain(either))] for either in (0, 1)]
    assert told[0] == told[1]
    (one,) = [finding for finding in explain(sources, Plain(column)) if finding.code == code]
    return one


def of_item(made: TaskState | None, status: int = ItemStatus.ITEM_STATUS_OPEN) -> Sources:
    """A running matter with one item at the city."""
    matter = view()
    item(matter, status)
    return Sources(MATTER, matter, {} if made is None else {"02": made})


def test_an_item_in_the_inbox_names_office_since_until_and_that_nobody_has_it() -> None:
    one = found(of_item(task()), "ITEM_IN_INBOX")
    assert one.sentence == (
        "In the inbox of city 330100 water since 2026-11-23 12:00, claimed by nobody, due by 2026-12-01."
    )
    assert (one.item_id, one.who, one.command) == ("02", "office", f"onematter claim {MATTER} 02")
    assert one.facts["deployment"] == "approval-city"


def test_a_claimed_item_names_who_has_it_and_that_it_is_late() -> None:
    late = task(TaskStatus.TASK_STATUS_CLAIMED)
    late.claimed_by.principal, late.promised_overdue = "li", True
    one = found(of_item(late), "ITEM_CLAIMED")
    assert "claimed by li, due by 2026-12-01 (overdue)." in one.sentence
    assert one.next == "li decides it."
    assert "（已逾期）" in found(of_item(late), "ITEM_CLAIMED", 0).sentence


def test_after_a_transfer_it_is_where_it_was_transferred_to() -> None:
    moved = task()
    moved.department, moved.division = "forestry", "330110"
    assert "city 330110 forestry" in found(of_item(moved), "ITEM_IN_INBOX").sentence


def test_a_correction_names_what_is_missing_and_that_the_applicant_is_next() -> None:
    suspended = task(TaskStatus.TASK_STATUS_SUSPENDED)
    suspended.corrections.add(missing=["old"]).time.seconds = NOON - 86_400
    suspended.corrections.add(missing=["floor_plan"]).time.seconds = NOON
    codes = [one.code for one in explain(of_item(suspended), Plain())]
    assert codes == ["ITEM_AWAITS_CORRECTION"], "an office that waits for the applicant is not asked to decide"
    one = found(of_item(suspended), "ITEM_AWAITS_CORRECTION")
    assert "asked for a correction 2026-11-23 12:00: old, floor_plan" in one.sentence
    assert (one.who, list(one.facts["materials"])) == ("applicant", ["old", "floor_plan"])


def test_a_special_procedure_names_which_and_since_when() -> None:
    suspended = task(TaskStatus.TASK_STATUS_SUSPENDED)
    suspended.special_procedure.kind = SuspensionReason.SUSPENSION_REASON_HEARING
    suspended.special_procedure.day = "2026-11-20"
    one = found(of_item(suspended), "ITEM_SUSPENDED_PROCEDURE")
    assert one.sentence.startswith("hearing since 2026-11-20 at city 330100 water")
    assert one.facts["kind"] == "HEARING"


def test_opinions_and_outstanding_materials_stand_beside_who_has_the_item() -> None:
    waits = task()
    waits.opinions.add(department="fire")
    waits.opinions.add(department="transport", position=1)  # type: ignore[arg-type]
    waits.outstanding_materials.append("lease")
    codes = [one.code for one in explain(of_item(waits), Plain())]
    assert codes == ["ITEM_AWAITS_OPINIONS", "ITEM_MATERIALS_OUTSTANDING", "ITEM_IN_INBOX"]
    assert found(of_item(waits), "ITEM_AWAITS_OPINIONS").facts["departments"] == ["fire"]


def test_an_item_waits_for_what_is_not_granted() -> None:
    matter = view()
    first = item(matter, item_id="01")
    first.result.outcome = ItemOutcome.ITEM_OUTCOME_GRANTED
    item(matter, item_id="02")
    waits = item(matter, ItemStatus.ITEM_STATUS_WAITING, "03")
    waits.item.depends_on.extend(["01", "02"])
    one = found(Sources(MATTER, matter, {"02": task()}), "ITEM_WAITS_FOR_ITEMS")
    assert (one.item_id, one.facts["waits_for"]) == ("03", ["02"])
    assert found(Sources(MATTER, matter, {"02": task()}), "ITEM_ENDED").facts["outcome"] == "GRANTED"


def test_what_was_sent_and_has_not_arrived_is_told_unless_its_office_is_away() -> None:
    assert found(of_item(None, ItemStatus.ITEM_STATUS_SENT), "ITEM_NOT_ARRIVED").facts == {
        "deployment": "approval-city"
    }
    away = of_item(None, ItemStatus.ITEM_STATUS_SENT)
    away.away = {"approval-city": "cannot be reached"}
    assert [one.code for one in explain(away, Plain())] == ["SERVICE_UNREACHABLE"]


def test_what_an_office_decided_and_intake_has_not_heard_is_told() -> None:
    decided = task(TaskStatus.TASK_STATUS_DECIDED)
    decided.decided_time.seconds = NOON
    assert found(of_item(decided), "ITEM_TOLD_BY_OFFICE").facts["since"] == "2026-11-23 12:00"


def test_before_acceptance_the_window_or_the_applicant_has_it() -> None:
    received = view(MatterStatus.MATTER_STATUS_RECEIVED)
    received.acceptance_deadline.seconds = LAST
    one = found(Sources(MATTER, received), "AWAITS_ACCEPTANCE")
    assert "after 2026-12-01 it is by silence" in one.sentence
    assert one.who == "window"
    asked = view(MatterStatus.MATTER_STATUS_CORRECTION, missing=["form"])
    assert found(Sources(MATTER, asked), "AWAITS_CORRECTION").facts == {"materials": ["form"]}


@pytest.mark.parametrize("name", ["WITHDRAWING", "VOIDING"])
def test_a_matter_that_is_taken_back_waits_for_its_items(name: str) -> None:
    status = MatterStatus.Value(f"MATTER_STATUS_{name}")
    assert found(Sources(MATTER, view(status)), name).who == "nobody"


def test_materials_that_were_promised_or_not_shared_are_asked_of_the_applicant() -> None:
    matter = view(outstanding_materials=["lease"], unshared_materials=["id_card"])
    item(matter)
    for code in ("MATERIALS_OUTSTANDING", "MATERIALS_NOT_SHARED"):
        assert found(Sources(MATTER, matter, {"02": task()}), code).who == "applicant"


def test_parked_records_are_told_by_stream_with_how_to_replay_them() -> None:
    def letter(offset: int, writer: str, reason: str, status: int = 1) -> operations.DeadLetter:
        made = operations.DeadLetter(reason=reason, status=status)  # type: ignore[arg-type]
        made.record.topic, made.record.partition, made.record.offset = "t", 3, offset
        made.position.writer = writer
        return made

    letters = [letter(1, "intake", "gap"), letter(2, "", "unknown type"), letter(3, "intake", "behind a parked record")]
    aside = letter(4, "", "undecodable", operations.DEAD_LETTER_STATUS_SET_ASIDE)
    sources = Sources(MATTER, letters={"approval-city": [*letters, aside]})
    told = explain(sources, Plain())
    assert [(one.code, one.facts["place"], one.facts["behind"]) for one in told] == [
        ("RECORD_SET_ASIDE", "t/3/4", 0), ("RECORD_PARKED", "t/3/1", 1), ("RECORD_PARKED", "t/3/2", 0),
    ]  # fmt: skip
    assert told[1].command == "onematter dead-letters replay t/3/1 --service approval-city --reason …"


def test_what_the_exchange_asks_is_told_until_it_answers() -> None:
    asked = SharingRequest(status=SharingStatus.SHARING_STATUS_ASKED, attempts=0)
    asked.material.material_id, asked.material.source = "licence", "market"
    asked.next_attempt.seconds = NOON
    late = SharingRequest(status=SharingStatus.SHARING_STATUS_LATE, attempts=3, delay=DelayCause.DELAY_CAUSE_TIMED_OUT)
    late.next_attempt.seconds = NOON
    done = SharingRequest(status=SharingStatus.SHARING_STATUS_RESOLVED)
    told = explain(Sources(MATTER, view(MatterStatus.MATTER_STATUS_RECEIVED), sharings=[asked, late, done]), Plain())
    sharing = [one for one in told if one.code.startswith("SHARING")]
    assert [(one.code, one.facts["attempts"]) for one in sharing] == [("SHARING_ASKED", 0), ("SHARING_DELAYED", 3)]
    assert sharing[1].facts["delay"] == "TIMED_OUT"
    assert sharing[1].command.startswith(f"onematter matter retry {MATTER}")


def test_a_notice_that_did_not_arrive_is_told() -> None:
    kept = NoticeState(status=NoticeStatus.NOTICE_STATUS_DELAYED, attempts=4)
    kept.notice.notice_id = "n1"
    sent = NoticeState(status=NoticeStatus.NOTICE_STATUS_DELIVERED)
    one = found(Sources(MATTER, view(), notices=[kept, sent]), "NOTICE_NOT_DELIVERED")
    assert (one.facts["notice_id"], one.facts["attempts"]) == ("n1", 4)


def case_file(*sequences: int, ends: bool = True) -> CaseFile:
    """A case file of one stream, whose manifest asks for three records of it and two of another."""
    case = CaseFile(matter_id=MATTER)
    for sequence in sequences:
        record = case.records.add()
        record.position.writer, record.position.topic, record.position.sequence = "intake", "events", sequence
    if ends:
        event = MatterEvent()
        event.matter_completed.manifest.add(writer="intake", topic="events", sequence=3)
        event.matter_completed.manifest.add(writer="approval-city", topic="tasks", sequence=2)
        case.records[-1].type = MatterCompleted.DESCRIPTOR.full_name
        case.records[-1].value = event.SerializeToString()
    return case


def ended(case: CaseFile | None) -> Sources:
    return Sources(
        MATTER,
        view(MatterStatus.MATTER_STATUS_COMPLETED, outcome=MatterOutcome.MATTER_OUTCOME_GRANTED),
        case_file=case,
    )


@pytest.mark.parametrize(
    ("case", "missing"),
    [
        (case_file(1, 2, 3), [("tasks", 0, 2)]),
        (case_file(1, 3), [("events", 1, 3), ("tasks", 0, 2)]),
        (case_file(1, 2, ends=False), [("events", 2, 0)]),
        (None, []),
    ],
)
def test_what_the_archive_still_misses_is_told(case: CaseFile | None, missing: list[tuple[str, int, int]]) -> None:
    one = found(ended(case), "NOT_SEALED")
    assert [(each["topic"], each["has"], each["last"]) for each in one.facts["missing"]] == missing


def test_a_sealed_matter_has_ended_and_needs_nothing() -> None:
    whole = case_file(1, 2, 3)
    whole.seal.leaf_count = 5
    told = explain(ended(whole), Plain())
    assert [(one.code, next_step(one, Plain())) for one in told] == [("ENDED", ""), ("SEALED", "")]
    due = ended(whole)
    assert due.view is not None
    due.view.delivery_deadline.seconds = LAST
    assert found(due, "AWAITS_DELIVERY").facts == {"until": "2026-12-01"}


def test_a_matter_whose_items_all_ended_waits_for_its_one_result() -> None:
    matter = view()
    item(matter).result.outcome = ItemOutcome.ITEM_OUTCOME_GRANTED
    assert found(Sources(MATTER, matter), "AWAITS_CONCLUSION").who == "operator"


@pytest.mark.parametrize("code", sorted(FINDING_TEXTS))
@pytest.mark.parametrize("column", [0, 1])
def test_every_text_is_whole_in_its_language(code: str, column: int) -> None:
    text = FINDING_TEXTS[code]
    assert text.who in WHO
    assert (text.next[0] == "") == (text.next[1] == "")
    holes = [set(re.findall(r"\{(\w+)\}", said)) for said in text.sentence]
    assert holes[0] >= holes[1] or holes[1] >= holes[0]
    chinese = re.search(r"[一-鿿]", text.sentence[column]) is not None
    assert chinese == (column == 0)
