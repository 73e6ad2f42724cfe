"""Given a task, when other departments are asked and answer, then what a grant may still do."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import Matter, broken, claim_task, official, recall_task, system, unix_ms
from tests.unit.approval.joint_cases import (
    ASKS,
    ASKS_TWO_OF_THREE,
    PLAIN,
    ask_opinions,
    decide_task,
    give_opinion,
    joint_matter,
    open_task,
    told,
)

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.common.v1.actor_pb2 import ActorRole, Level
from onematter.contracts.aggregate import SetTimer, TimerDue
from onematter.contracts.times import unix_ms as ms_of

CONSENT, CONDITIONAL, VETO = 1, 2, 3
# 24:00 in China of the seventh weekday after Monday 2026-11-23.
DUE = unix_ms(2026, 12, 2, 16)


def positions(matter: Matter, item_id: str = PLAIN) -> list[tuple[str, int, bool]]:
    return [(opinion.department, opinion.position, opinion.overdue) for opinion in matter.task(item_id).opinions]


def test_asked_departments_have_seven_working_days() -> None:
    matter = joint_matter(open_task())
    event = told(matter.when(ask_opinions("forestry", "police", question="涉林地吗?")))
    asked = event.opinions_asked
    assert (list(asked.departments), asked.question, ms_of(asked.deadline)) == (
        ["forestry", "police"],
        "涉林地吗?",
        DUE,
    )
    assert event.actor == official()
    assert positions(matter) == [("forestry", 0, False), ("police", 0, False)]
    assert [ms_of(opinion.deadline) for opinion in matter.task().opinions] == [DUE, DUE]
    assert matter.set_timers == [SetTimer("opinion:02", DUE)]


def test_whom_the_catalogue_names_is_asked_by_the_opening() -> None:
    matter = joint_matter(open_task(ASKS))
    asked = matter.events[-1].task_opened.opinions_asked
    assert (list(asked.departments), asked.question, ms_of(asked.deadline)) == (["forestry", "transport"], "", DUE)
    assert positions(matter, ASKS) == [("forestry", 0, False), ("transport", 0, False)]
    assert SetTimer("opinion:03", DUE) in matter.set_timers


def test_an_item_for_which_the_catalogue_names_nobody_is_opened_without_asking() -> None:
    matter = joint_matter(open_task())
    assert not matter.events[-1].task_opened.HasField("opinions_asked")
    assert "opinion:02" not in matter.timers


@pytest.mark.parametrize(
    ("command", "violations"),
    [
        (ask_opinions("forestry", question=" "), [("ask_opinions.question", "FIELD_MISSING", {})]),
        (
            ask_opinions("forestry", question="问" * 4001),
            [("ask_opinions.question", "FIELD_TOO_LONG", {"limit": "4000"})],
        ),
        (ask_opinions(), [("ask_opinions.departments", "FIELD_MISSING", {})]),
        (ask_opinions(*["forestry"] * 21), [("ask_opinions.departments", "FIELD_TOO_LONG", {"limit": "20"})]),
        (ask_opinions("forestry", " "), [("ask_opinions.departments[1]", "FIELD_MISSING", {})]),
        (ask_opinions("water"), [("ask_opinions.departments[0]", "SAME_DEPARTMENT", {})]),
        (
            ask_opinions("police", "astrology"),
            [("ask_opinions.departments[1]", "FIELD_MALFORMED", {"rule": "department"})],
        ),
        (
            ask_opinions("police", " police"),
            [("ask_opinions.departments[1]", "FIELD_MALFORMED", {"rule": "distinct"})],
        ),
        (ask_opinions("police", item_id="99"), [("item_id", "TASK_UNKNOWN", {})]),
        (
            ask_opinions("police", actor=official(department="police")),
            [("actor.department", "WRONG_DEPARTMENT", {"competent": "water"})],
        ),
    ],
    ids=["no question", "long question", "nobody", "many", "blank", "own", "unknown", "twice", "no task", "not theirs"],
)
def test_who_is_asked_what_must_make_sense(
    command: ApprovalCommand, violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    assert broken(joint_matter(open_task()).when(command)) == violations


def test_what_a_colleague_has_claimed_one_does_not_ask_about() -> None:
    matter = joint_matter(open_task(), claim_task(official("li")))
    assert broken(matter.when(ask_opinions("police", actor=official("wang")))) == [
        ("item_id", "TASK_CLAIMED_BY_ANOTHER", {})
    ]
    assert told(matter.when(ask_opinions("police", actor=system()))).HasField("opinions_asked")


@pytest.mark.parametrize("end", [decide_task(), recall_task()], ids=["decided", "recalled"])
def test_after_the_end_nobody_is_asked_and_nobody_answers(end: ApprovalCommand) -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"), give_opinion("forestry"), end)
    reason = "TASK_DECIDED" if isinstance(end, ApprovalCommand) else "TASK_WITHDRAWN"
    assert broken(matter.when(ask_opinions("police"))) == [("item_id", reason, {})]
    assert [why for _, why, _ in broken(matter.when(give_opinion("forestry")))] == [reason, "OPINION_GIVEN_ALREADY"]


def test_who_still_owes_an_answer_is_not_asked_twice_before_or_after_its_time() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry", "police"))
    violation = ("ask_opinions.departments", "OPINIONS_PENDING", {"departments": "forestry, police"})
    assert broken(matter.when(ask_opinions("forestry", "police", "transport"))) == [violation]
    matter.when(TimerDue("opinion:02"), DUE)
    assert broken(matter.when(ask_opinions("forestry", "police"), DUE)) == [violation]


def test_an_answer_is_kept_with_its_text_and_conditions() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    event = told(matter.when(give_opinion("forestry", CONDITIONAL, conditions=["补植 ", "监测"])))
    given = event.opinion_given
    assert (given.department, given.position, given.text, list(given.conditions)) == (
        "forestry", CONDITIONAL, "理由", ["补植", "监测"],
    )  # fmt: skip
    (opinion,) = matter.task().opinions
    assert (opinion.position, opinion.text, list(opinion.conditions)) == (CONDITIONAL, "理由", ["补植", "监测"])
    assert event.actor.department == "forestry"


@pytest.mark.parametrize(
    "place",
    [
        {"level": Level.LEVEL_PROVINCE, "division": "330000"},
        {"level": Level.LEVEL_NATIONAL, "division": "000000"},
        {"level": Level.LEVEL_COUNTY, "division": "330106"},
        {"level": Level.LEVEL_TOWN, "division": "330106001"},
    ],
    ids=["province", "nation", "county", "town"],
)
def test_a_department_answers_from_any_level_above_or_below(place: dict[str, object]) -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    assert told(matter.when(give_opinion("forestry", **place))).HasField("opinion_given")  # type: ignore[arg-type]


@pytest.mark.parametrize("division", ["330200", "320000", "330206", "", "33"])
def test_a_department_of_elsewhere_has_no_say(division: str) -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    assert broken(matter.when(give_opinion("forestry", division=division))) == [
        ("actor.division", "WRONG_DIVISION", {"competent": "330100"})
    ]


def test_who_was_not_asked_is_told_who_was() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry", "police"))
    assert broken(matter.when(give_opinion("transport"))) == [
        ("actor.department", "OPINION_NOT_ASKED", {"departments": "forestry, police"})
    ]


def test_an_opinion_is_given_once() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"), give_opinion("forestry"))
    assert broken(matter.when(give_opinion("forestry", VETO))) == [
        ("actor.department", "OPINION_GIVEN_ALREADY", {"departments": "forestry"})
    ]


TEXT, CONDITIONS, POSITION = "give_opinion.text", "give_opinion.conditions", "give_opinion.position"
ALLOWED = {"allowed": "CONSENT, CONDITIONAL, VETO"}


@pytest.mark.parametrize(
    ("position", "text", "conditions", "violations"),
    [
        (0, "", [], [(POSITION, "FIELD_MISSING", {})]),
        (9, "", [], [(POSITION, "FIELD_MALFORMED", ALLOWED)]),
        (VETO, " ", [], [(TEXT, "FIELD_MISSING", {})]),
        (CONDITIONAL, "", [], [(TEXT, "FIELD_MISSING", {}), (CONDITIONS, "FIELD_MISSING", {})]),
        (CONDITIONAL, "x", [" "], [(f"{CONDITIONS}[0]", "FIELD_MISSING", {})]),
        (CONDITIONAL, "x", ["a", "a"], [(f"{CONDITIONS}[1]", "FIELD_MALFORMED", {"rule": "distinct"})]),
        (CONDITIONAL, "x", ["a" * 501], [(f"{CONDITIONS}[0]", "FIELD_TOO_LONG", {"limit": "500"})]),
        (CONDITIONAL, "x", ["\0"], [(f"{CONDITIONS}[0]", "FIELD_MALFORMED", {"rule": "no NUL character"})]),
        (CONSENT, "", ["a"], [(CONDITIONS, "FIELD_MALFORMED", {"rule": "conditional_only"})]),
        (CONSENT, "意" * 4001, [], [(TEXT, "FIELD_TOO_LONG", {"limit": "4000"})]),
    ],
)
def test_an_opinion_says_what_and_why(
    position: int, text: str, conditions: list[str], violations: list[tuple[str, str, dict[str, str]]]
) -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    assert broken(matter.when(give_opinion("forestry", position, text=text, conditions=conditions))) == violations


def test_consent_needs_no_reason() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    assert told(matter.when(give_opinion("forestry", text=""))).HasField("opinion_given")


def test_only_an_office_gives_an_opinion() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    assert broken(matter.when(give_opinion("forestry", role=ActorRole.ACTOR_ROLE_CLERK))) == [
        ("actor.role", "ROLE_NOT_ALLOWED", {"allowed": "OFFICIAL, SYSTEM"})
    ]


# Time


def test_the_timer_stands_as_long_as_somebody_is_waited_for() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    later = unix_ms(2026, 11, 25, 2)
    matter.when(ask_opinions("police"), later)
    assert matter.timers["opinion:02"] == DUE
    matter.when(give_opinion("forestry"), later)
    assert matter.timers["opinion:02"] == unix_ms(2026, 12, 4, 16)
    matter.when(give_opinion("police"), later)
    assert "opinion:02" not in matter.timers


def test_those_who_have_not_answered_in_time_are_named_and_the_next_are_waited_for() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry", "transport"), give_opinion("forestry"))
    matter.when(ask_opinions("police"), unix_ms(2026, 11, 25, 2))
    event = told(matter.when(TimerDue("opinion:02"), DUE))
    assert list(event.opinions_overdue.departments) == ["transport"]
    assert (event.actor.principal, event.actor.department) == ("approval-city", "water")
    assert positions(matter) == [("forestry", CONSENT, False), ("transport", 0, True), ("police", 0, False)]
    assert matter.set_timers == [SetTimer("opinion:02", unix_ms(2026, 12, 4, 16))]
    told(matter.when(TimerDue("opinion:02"), unix_ms(2026, 12, 4, 16)))
    assert positions(matter)[2] == ("police", 0, True)
    assert matter.set_timers == []


def test_a_timer_that_tells_nothing_new_is_no_event() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    assert matter.when(TimerDue("opinion:02"), DUE - 1) is None
    told(matter.when(TimerDue("opinion:02"), DUE))
    assert matter.when(TimerDue("opinion:02"), DUE) is None
    matter = joint_matter(open_task(), ask_opinions("forestry"), recall_task())
    assert matter.when(TimerDue("opinion:02"), DUE) is None


@pytest.mark.parametrize("end", [decide_task(2, basis=["第三十八条"]), recall_task()], ids=["decided", "recalled"])
def test_the_end_takes_the_timer_away(end: ApprovalCommand) -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"), end)
    assert SetTimer("opinion:02", None) in matter.set_timers
    assert matter.timers == {}


def test_a_late_opinion_still_counts_and_moves_no_timer() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"))
    matter.when(TimerDue("opinion:02"), DUE)
    told(matter.when(give_opinion("forestry", CONDITIONAL, conditions=["补植"]), DUE + 1))
    assert positions(matter) == [("forestry", CONDITIONAL, True)]
    assert matter.set_timers == []
    granted = told(matter.when(decide_task(), DUE + 2)).task_decided
    assert list(granted.conditions) == ["补植"]


# What a grant needs


DECISION = "decide_task.decision"


def test_a_grant_waits_for_every_opinion_until_its_time_has_passed() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry", "police"), give_opinion("police"))
    assert broken(matter.when(decide_task(), DUE - 1)) == [(DECISION, "OPINIONS_PENDING", {"departments": "forestry"})]
    # The timer may come late; the time has passed all the same.
    assert told(matter.when(decide_task(), DUE)).HasField("task_decided")


def test_a_denial_waits_for_nobody() -> None:
    matter = joint_matter(open_task(ASKS))
    assert told(matter.when(decide_task(2, ASKS, basis=["第三十八条"]))).HasField("task_decided")


def test_where_one_may_object_a_refusal_forbids_the_grant() -> None:
    matter = joint_matter(
        open_task(ASKS), give_opinion("forestry", item_id=ASKS), give_opinion("transport", VETO, item_id=ASKS)
    )
    assert broken(matter.when(decide_task(item_id=ASKS))) == [
        (DECISION, "OPINION_VETOED", {"departments": "transport"})
    ]


def test_where_the_catalogue_binds_to_nothing_a_refusal_is_advice() -> None:
    matter = joint_matter(open_task(), ask_opinions("forestry"), give_opinion("forestry", VETO))
    assert told(matter.when(decide_task())).HasField("task_decided")


def test_a_quorum_counts_consents_and_conditional_ones() -> None:
    matter = joint_matter(
        open_task(ASKS_TWO_OF_THREE),
        give_opinion("forestry", CONDITIONAL, conditions=["补植"], item_id=ASKS_TWO_OF_THREE),
        give_opinion("transport", VETO, item_id=ASKS_TWO_OF_THREE),
    )
    numbers = {"quorum": "2", "consents": "1"}
    assert broken(matter.when(decide_task(item_id=ASKS_TWO_OF_THREE))) == [
        (DECISION, "OPINIONS_PENDING", {"departments": "police"}),
        (DECISION, "QUORUM_NOT_REACHED", numbers),
    ]
    matter.given(give_opinion("police", item_id=ASKS_TWO_OF_THREE))
    assert told(matter.when(decide_task(item_id=ASKS_TWO_OF_THREE))).HasField("task_decided")


def test_silence_is_no_consent() -> None:
    matter = joint_matter(open_task(ASKS_TWO_OF_THREE), give_opinion("forestry", item_id=ASKS_TWO_OF_THREE))
    matter.when(TimerDue("opinion:04"), DUE)
    numbers = {"quorum": "2", "consents": "1"}
    assert broken(matter.when(decide_task(item_id=ASKS_TWO_OF_THREE), DUE)) == [
        (DECISION, "QUORUM_NOT_REACHED", numbers)
    ]


def test_the_consent_of_others_does_not_fill_the_quorum() -> None:
    matter = joint_matter(
        open_task(ASKS_TWO_OF_THREE),
        ask_opinions("ecology", item_id=ASKS_TWO_OF_THREE),
        give_opinion("ecology", item_id=ASKS_TWO_OF_THREE),
        give_opinion("forestry", item_id=ASKS_TWO_OF_THREE),
    )
    assert [why for _, why, _ in broken(matter.when(decide_task(item_id=ASKS_TWO_OF_THREE), DUE))] == [
        "QUORUM_NOT_REACHED"
    ]


def test_after_talks_a_department_is_asked_again_and_its_refusal_stands_until_it_answers() -> None:
    matter = joint_matter(
        open_task(ASKS),
        give_opinion("forestry", item_id=ASKS),
        give_opinion("transport", VETO, item_id=ASKS),
        ask_opinions("transport", item_id=ASKS),
    )
    assert matter.set_timers == [SetTimer("opinion:03", DUE)]
    assert [why for _, why, _ in broken(matter.when(decide_task(item_id=ASKS)))] == [
        "OPINIONS_PENDING",
        "OPINION_VETOED",
    ]
    matter.when(TimerDue("opinion:03"), DUE)
    assert positions(matter, ASKS)[1:] == [("transport", VETO, False), ("transport", 0, True)]
    assert [why for _, why, _ in broken(matter.when(decide_task(item_id=ASKS), DUE))] == ["OPINION_VETOED"]
    matter.when(give_opinion("transport", CONDITIONAL, conditions=["绕行"], item_id=ASKS), DUE)
    assert list(told(matter.when(decide_task(item_id=ASKS), DUE)).task_decided.conditions) == ["绕行"]


def test_a_grant_carries_the_conditions_of_all_and_its_own_once_each() -> None:
    matter = joint_matter(
        open_task(),
        ask_opinions("forestry", "police", "transport"),
        give_opinion("police", CONDITIONAL, conditions=["限时", "监测"]),
        give_opinion("forestry", CONDITIONAL, conditions=["监测", "补植"]),
        give_opinion("transport", VETO),
    )
    granted = told(matter.when(decide_task(conditions=["年报", "补植"]))).task_decided
    assert list(granted.conditions) == ["监测", "补植", "限时", "年报"]
