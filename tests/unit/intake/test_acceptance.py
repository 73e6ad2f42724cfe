"""What becomes of a hand-in that the window accepts: received, accepted, corrected, refused, or answered by silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.intake.cases import APPLICANT, CITY, Matter, item, make_core, matter_type, violations, withdraw
from tests.unit.intake.window import (
    FIFTH_DAY_ENDS,
    MONDAY,
    OFFICIAL,
    accept,
    accepted,
    asking,
    commands,
    correct,
    end_of,
    explained,
    on,
    received,
    refuse,
    ring,
    status,
    submission,
    supply,
    told,
    void,
    window_type,
)

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.common.v1.actor_pb2 import ActorRole, Channel
from onematter.contracts.aggregate import TimerDue
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import table
from onematter.intake.core import Core
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, MaterialNeed
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus
from onematter.law.calendar import WorkingCalendar
from onematter.law.catalogue import Catalogue


def in_correction(*needs: str) -> Matter:
    matter = received()
    told(matter.give(correct(*(needs or ("plan", "photo")))))
    return matter


def completed() -> Matter:
    matter = accepted()
    for item_id in ("01", "03", "02"):
        matter.grant(item_id)
    assert status(matter) == "COMPLETED"
    return matter


def test_what_a_rule_accepts_is_accepted_at_once_on_the_day_in_china() -> None:
    matter = Matter(make_core(matter_type(item("01"), item("02", CITY))))
    told_event = matter.happen().matter_accepted
    assert told_event.accepted_by == AcceptedBy.ACCEPTED_BY_RULE
    assert told_event.accepted_day == MONDAY
    assert (matter.state.accepted_by, matter.state.accepted_day) == (AcceptedBy.ACCEPTED_BY_RULE, MONDAY)
    assert matter.timers == {}
    # The task itself begins when it is opened.
    assert {one.open_task.started_day for one in commands(matter, "open_task")} == {""}


def test_a_hand_in_for_the_window_is_received_with_five_working_days() -> None:
    matter = received(channel=Channel.CHANNEL_WINDOW)
    event = matter.events[0].matter_received
    assert (event.matter_code, event.catalogue_version, event.division) == ("OM-77", 3, "330106")
    assert len(event.matter_number) == 24
    assert unix_ms(event.acceptance_deadline) == FIFTH_DAY_ENDS
    assert event.application.materials[0].material_id == "plan"
    assert status(matter) == "RECEIVED"
    assert matter.timers == {"acceptance": FIFTH_DAY_ENDS}
    assert (matter.state.principal, matter.state.received_day, matter.state.visits) == (APPLICANT, MONDAY, 1)
    assert not matter.state.items
    assert matter.sent == []
    assert matter.state.HasField("application")


@pytest.mark.parametrize("role", [ActorRole.ACTOR_ROLE_CLERK, OFFICIAL])
def test_the_window_accepts_and_the_items_open(role: int) -> None:
    matter = on(received(), "2026-11-25")
    number = matter.state.matter_number
    event = told(matter.give(accept(role)))
    told_event = event.matter_accepted
    assert told_event.accepted_by == AcceptedBy.ACCEPTED_BY_CLERK
    assert told_event.accepted_day == "2026-11-25"
    assert told_event.matter_number == number
    assert event.actor.principal == "clerk-7"
    assert status(matter) == "RUNNING"
    assert [(one.item_id, one.open_task.started_day) for one in commands(matter, "open_task")] == [
        ("01", ""),
        ("03", ""),
    ]
    assert matter.timers["acceptance"] is None
    # Still the applicant's matter, handed in when it was.
    assert (matter.state.principal, matter.state.matter_number) == (APPLICANT, number)
    assert unix_ms(matter.state.handed_in) == unix_ms(matter.events[0].time)
    assert matter.restored().state == matter.state


def test_what_is_not_asked_is_told_with_its_holder() -> None:
    told_event = accepted().events[-1].matter_accepted
    held = [(one.material_id, one.source) for one in told_event.held_materials]
    assert held == [("licence", "market_regulation"), ("proof", "housing")]
    # plan and photo; the note is voluntary.
    assert told_event.materials_asked == 2
    state = accepted().state
    assert (state.materials_asked, state.materials_held) == (2, 2)


def test_silence_accepts_as_of_the_day_of_receipt() -> None:
    matter = received()
    event = ring(matter, "acceptance")
    assert event is not None
    assert event.matter_accepted.accepted_by == AcceptedBy.ACCEPTED_BY_SILENCE
    assert event.matter_accepted.accepted_day == MONDAY
    assert status(matter) == "RUNNING"
    opened = commands(matter, "open_task")
    assert [(one.item_id, one.open_task.started_day) for one in opened] == [("01", MONDAY), ("03", MONDAY)]
    # What opens later begins on its own day.
    matter.grant("01")
    assert commands(matter, "open_task")[-1].open_task.started_day == ""
    assert matter.restored().state == matter.state


def test_a_timer_that_crosses_an_answer_changes_nothing() -> None:
    for matter in (accepted(), in_correction()):
        matter.now_unix_ms = FIFTH_DAY_ENDS
        assert matter.give(TimerDue("acceptance")) is None


def test_a_clerk_who_is_late_can_only_say_that_the_law_accepted() -> None:
    matter = on(received(), "2026-12-01")
    event = told(matter.give(accept()))
    assert event.matter_accepted.accepted_by == AcceptedBy.ACCEPTED_BY_SILENCE
    assert event.matter_accepted.accepted_day == MONDAY


@pytest.mark.parametrize("command", [correct("plan"), refuse()])
def test_after_the_five_days_nothing_is_asked_or_refused_even_before_the_timer(command: IntakeCommand) -> None:
    matter = received()
    matter.now_unix_ms = FIFTH_DAY_ENDS - 1_000
    answer = matter.give(command)
    assert explained(answer) == [
        ("matter_id", "MATTER_ACCEPTED_ALREADY", {"rule": "five working days", "received": MONDAY})
    ]


def test_in_the_last_moment_of_the_fifth_day_it_is_in_time() -> None:
    matter = received()
    matter.now_unix_ms = FIFTH_DAY_ENDS - 1_001
    assert told(matter.give(correct("plan"))).HasField("correction_asked")


def test_a_correction_names_everything_and_stops_the_time() -> None:
    matter = received()
    event = told(matter.give(correct("plan", MaterialNeed(material_id="photo", reason="missing"))))
    asked = event.correction_asked
    assert (asked.round, asked.item_id) == (1, "")
    assert [(need.material_id, need.reason) for need in asked.needs] == [("plan", "blurred"), ("photo", "missing")]
    assert status(matter) == "CORRECTION"
    assert list(matter.state.missing) == ["plan", "photo"]
    assert matter.timers["acceptance"] is None
    assert not matter.state.HasField("acceptance_deadline")
    assert matter.restored().state == matter.state


def test_the_window_may_accept_without_what_it_asked() -> None:
    matter = in_correction()
    assert told(matter.give(accept())).matter_accepted.accepted_by == AcceptedBy.ACCEPTED_BY_CLERK
    assert list(matter.state.missing) == []


@pytest.mark.parametrize(("material_id", "held_by"), [("licence", "market_regulation"), ("proof", "housing")])
def test_what_the_government_holds_is_not_asked(material_id: str, held_by: str) -> None:
    matter = received()
    answer = matter.give(correct("plan", material_id))
    assert explained(answer) == [
        (
            "ask_correction.needs[1].material_id",
            "MATERIAL_HELD_BY_GOVERNMENT",
            {"material": material_id, "held_by": held_by},
        )
    ]
    assert status(matter) == "RECEIVED"


def test_what_its_holder_did_not_share_is_asked() -> None:
    matter = received()
    matter.state.unshared_materials.append("licence")
    assert told(matter.give(correct("licence"))).HasField("correction_asked")


def test_from_the_second_round_on_each_need_says_what_made_it_visible() -> None:
    matter = in_correction("plan")
    told(matter.give(supply("plan")))
    seen = MaterialNeed(material_id="note", reason="does not fit", newly_visible_because="the plan shows a cellar")
    answer = matter.give(
        correct(seen, "photo", MaterialNeed(material_id="plan", reason="x", newly_visible_because=" "))
    )
    assert explained(answer) == [
        ("ask_correction.needs[1].newly_visible_because", "CORRECTION_ALREADY_VISIBLE", {"material": "photo"}),
        ("ask_correction.needs[2].newly_visible_because", "CORRECTION_ALREADY_VISIBLE", {"material": "plan"}),
    ]
    event = told(matter.give(correct(seen)))
    assert event.correction_asked.round == 2
    assert [need.material_id for need in matter.state.asked_corrections] == ["plan", "note"]
    assert matter.state.correction_rounds == 2


def test_everything_that_is_wrong_with_a_correction_is_told_at_once() -> None:
    command = correct(
        MaterialNeed(reason="x"),
        MaterialNeed(material_id="plan"),
        "plan",
        "330106199003071236",
        MaterialNeed(material_id="photo", reason="x" * 2_001, newly_visible_because="x" * 2_001),
        role=ActorRole.ACTOR_ROLE_APPLICANT,
    )
    command.request_id = ""
    answer = received().give(command)
    assert violations(answer) == [
        ("request_id", "FIELD_MISSING"),
        ("actor.role", "ROLE_NOT_ALLOWED"),
        ("ask_correction.needs[0].material_id", "FIELD_MISSING"),
        ("ask_correction.needs[1].reason", "FIELD_MISSING"),
        ("ask_correction.needs[2].material_id", "MATERIAL_DUPLICATE"),
        ("ask_correction.needs[3].material_id", "MATERIAL_UNKNOWN"),
        ("ask_correction.needs[4].reason", "FIELD_TOO_LONG"),
        ("ask_correction.needs[4].newly_visible_because", "FIELD_TOO_LONG"),
    ]
    unknown = explained(answer)[5][2]
    assert unknown == {"known": "plan, photo, note"}


def test_a_correction_of_nothing_or_too_much_is_none() -> None:
    matter = received()
    assert violations(matter.give(correct())) == [("ask_correction.needs", "FIELD_MISSING")]
    answer = violations(matter.give(correct(*["plan"] * 101)))
    assert answer[0] == ("ask_correction.needs", "FIELD_TOO_LONG")
    assert len(answer) == 100


def test_who_refuses_to_accept_names_the_competent_body_and_the_matter_ends() -> None:
    matter = on(received(), "2026-11-24")
    event = told(matter.give(refuse(basis=["《行政许可法》第三十二条"])))
    refused = event.acceptance_refused
    assert (refused.reason, refused.competent_body, refused.not_required) == ("not ours", "省水利厅", False)
    assert list(refused.basis) == ["《行政许可法》第三十二条"]
    assert (refused.matter_number, refused.matter_code) == (matter.state.matter_number, "OM-77")
    assert (refused.division, refused.name.texts["en"], refused.visits) == ("330106", "a matter", 1)
    assert unix_ms(refused.handed_in) == unix_ms(matter.events[0].time)
    # Two events: the receipt, and this one.
    manifest = [(one.writer, one.topic, one.sequence) for one in refused.manifest]
    assert manifest == [("intake", "onematter.matter.events.v1", 2)]
    assert status(matter) == "COMPLETED"
    assert matter.state.outcome == MatterOutcome.MATTER_OUTCOME_NOT_ACCEPTED
    assert matter.state.completed == event.time
    assert matter.timers["acceptance"] is None
    assert not matter.state.HasField("acceptance_deadline")
    assert not matter.state.HasField("application")
    assert matter.sent == []
    assert matter.restored().state == matter.state


def test_that_no_approval_is_needed_is_reason_enough_also_in_correction() -> None:
    matter = in_correction()
    event = told(matter.give(refuse(competent_body="", not_required=True)))
    assert event.acceptance_refused.not_required
    assert status(matter) == "COMPLETED"
    assert list(matter.state.missing) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"competent_body": ""}, [("refuse_acceptance.competent_body", "COMPETENT_BODY_MISSING")]),
        ({"competent_body": "  "}, [("refuse_acceptance.competent_body", "COMPETENT_BODY_MISSING")]),
        ({"not_required": True}, [("refuse_acceptance.competent_body", "FIELD_MALFORMED")]),
        ({"competent_body": "x" * 201}, [("refuse_acceptance.competent_body", "FIELD_TOO_LONG")]),
        ({"reason": " "}, [("refuse_acceptance.reason", "FIELD_MISSING")]),
        ({"reason": "x" * 2_001}, [("refuse_acceptance.reason", "FIELD_TOO_LONG")]),
        ({"basis": ["x", ""]}, [("refuse_acceptance.basis[1]", "FIELD_MISSING")]),
        ({"basis": ["x"] * 21}, [("refuse_acceptance.basis", "FIELD_TOO_LONG")]),
    ],
)
def test_a_malformed_refusal_to_accept_is_refused(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    matter = received()
    assert violations(matter.give(refuse(**fields))) == expected
    assert status(matter) == "RECEIVED"


OFFICE_COMMANDS: list[Callable[..., IntakeCommand]] = [
    accept,
    lambda role=ActorRole.ACTOR_ROLE_CLERK: correct("plan", role=role),
    refuse,
]


@pytest.mark.parametrize("command", OFFICE_COMMANDS)
@pytest.mark.parametrize(
    "role",
    [
        ActorRole.ACTOR_ROLE_UNSPECIFIED,
        ActorRole.ACTOR_ROLE_APPLICANT,
        ActorRole.ACTOR_ROLE_AGENT,
        ActorRole.ACTOR_ROLE_SYSTEM,
    ],
)
def test_only_the_office_answers_a_hand_in(command: Callable[..., IntakeCommand], role: int) -> None:
    matter = received()
    answer = matter.give(command(role=role))
    assert explained(answer) == [("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "CLERK, OFFICIAL"})]


@pytest.mark.parametrize("command", OFFICE_COMMANDS)
@pytest.mark.parametrize(
    ("matter", "reason"),
    [
        (lambda: Matter(make_core(window_type())), "MATTER_UNKNOWN"),
        (accepted, "MATTER_ACCEPTED_ALREADY"),
        (completed, "MATTER_CONCLUDED"),
    ],
)
def test_what_is_not_to_be_accepted_is_not_answered(
    command: Callable[..., IntakeCommand], matter: Callable[[], Matter], reason: str
) -> None:
    assert violations(matter().give(command())) == [("matter_id", reason)]


def test_a_matter_that_is_called_back_was_accepted_already() -> None:
    matter = accepted()
    told(matter.give(withdraw()))
    assert explained(matter.give(accept())) == [
        ("matter_id", "MATTER_ACCEPTED_ALREADY", {"status": "MATTER_STATUS_WITHDRAWING"})
    ]


@pytest.mark.parametrize("matter", [received, in_correction])
def test_before_it_is_accepted_a_matter_taken_back_ends_at_once(matter: Callable[[], Matter]) -> None:
    one = matter()
    event = told(one.give(withdraw()))
    result = event.matter_completed
    assert (result.outcome, result.reason) == (MatterOutcome.MATTER_OUTCOME_WITHDRAWN, "changed my mind")
    assert list(result.results) == []
    assert result.matter_number == one.state.matter_number
    assert [(each.topic, each.sequence) for each in result.manifest] == [
        ("onematter.matter.events.v1", len(one.events))
    ]
    assert (result.visits, len(result.trips)) == (1, 1)
    assert status(one) == "COMPLETED"
    assert one.timers["acceptance"] is None
    assert not one.state.HasField("application")
    assert list(one.state.missing) == []
    assert one.sent == []
    assert one.restored().state == one.state


def test_only_who_handed_in_takes_back_what_is_received() -> None:
    matter = received()
    assert violations(matter.give(withdraw(principal="another"))) == [("actor.principal", "NOT_THE_APPLICANT")]
    assert status(matter) == "RECEIVED"


def test_the_state_has_no_personal_data_after_acceptance_when_nothing_waits() -> None:
    matter = accepted()
    assert matter.state.HasField("application")
    matter.grant("01")
    # Nothing waits any more; the event that opens the last item still needs it.
    matter.grant("03")
    assert not matter.state.HasField("application")


def test_without_a_calendar_the_window_alone_accepts() -> None:
    core = Core(Catalogue((window_type(joint=True),), {}), table(), "intake", WorkingCalendar(()))
    matter = Matter(core)
    event = told(matter.give(submission()))
    assert not event.matter_received.HasField("acceptance_deadline")
    assert list(event.matter_received.acceptance_provisional_years) == [2026]
    assert matter.timers == {}
    assert told(matter.give(correct("plan"))).HasField("correction_asked")
    again = told(matter.give(supply("plan")))
    assert not again.materials_supplied.HasField("acceptance_deadline")
    assert status(matter) == "RECEIVED"
    told_event = told(matter.give(accept())).matter_accepted
    assert told_event.accepted_by == AcceptedBy.ACCEPTED_BY_CLERK
    deadlines = told_event.deadlines
    assert (deadlines.HasField("legal"), list(deadlines.provisional_years)) == (False, [2026])
    assert status(matter) == "RUNNING"


def test_what_a_department_asks_later_is_not_the_windows_affair() -> None:
    matter = Matter(make_core(matter_type(item("01"))))
    matter.happen()
    matter.hear("01", "task_opened")
    event = ApprovalEvent(matter_id=matter.matter_id, item_id="01")
    event.correction_requested.needs.add(material_id="plan", reason="blurred")
    event.correction_requested.round = 1
    pinned = matter.item("01")
    assert matter.hear_event(event, pinned.owner, pinned.events_topic) is not None
    assert (status(matter), matter.timers) == ("RUNNING", {})
    assert (matter.state.correction_rounds, list(matter.state.missing)) == (0, [])


def test_who_accepted_stays_in_the_matter_to_its_end() -> None:
    matter = completed()
    assert matter.state.accepted_by == AcceptedBy.ACCEPTED_BY_CLERK
    assert matter.state.status == MatterStatus.MATTER_STATUS_COMPLETED
    assert violations(matter.give(void())) == [("matter_id", "MATTER_CONCLUDED")]


def test_a_command_without_content_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="without content"):
        received().give(asking())


def test_receipt_over_the_national_day_counts_only_working_days() -> None:
    # 2026: 1 to 7 October are days off, 20 September and 10 October are worked.
    matter = Matter(make_core(window_type()))
    matter.now_unix_ms = end_of("2026-09-28") + 10 * 3_600_000
    event = told(matter.give(submission()))
    # 30 September; 8, 9, 10 (a Saturday that is worked) and 12 October.
    assert unix_ms(event.matter_received.acceptance_deadline) == end_of("2026-10-12")
