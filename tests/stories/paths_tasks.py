"""Stories of items in a department's hands: corrected, suspended, extended, transferred, late, denied, called back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.stories import people
from tests.stories.applications import application_for, material
from tests.stories.officials import Deciding, finish, prepare
from tests.stories.paths import ALL_OR_NOTHING, FORM, PLAIN, PLAN, story
from tests.stories.paths_acceptance import outcome, status
from tests.stories.world import Refused, World

from onematter.approval.v1.approval_state_pb2 import TaskState, TaskStatus
from onematter.common.v1.actor_pb2 import Channel, Rank
from onematter.common.v1.period_pb2 import SuspensionReason
from onematter.intake.v1.intake_events_pb2 import ItemOutcome

TESTING = SuspensionReason.SUSPENSION_REASON_TESTING


def hand_in(world: World, code: str = PLAIN, **more: object) -> str:
    """Hand in on the web."""
    return people.applicant(world).submit(code, application_for(world.catalogue.get(code)), **more)  # type: ignore[arg-type]


def task_status(world: World, matter: str, item: str) -> str:
    """The task's, as "OPEN"."""
    return TaskStatus.Name(world.task(matter, item).status).removeprefix("TASK_STATUS_")


def item_outcomes(world: World, matter: str) -> dict[str, str]:
    """The end of every item, as "GRANTED"."""
    return {
        one.item.item_id: ItemOutcome.Name(one.result.outcome).removeprefix("ITEM_OUTCOME_")
        for one in world.state(matter).items
    }


@story
def corrected_after_acceptance(world: World) -> str:
    """The department asks everything at once; its clock stands still until all of it is here."""
    matter = hand_in(world)
    planner = people.official(world, matter, "01").claim()
    world.advance(working_days=2)
    planner.ask_correction(form="法人未签名", plan="红线坐标错误")
    assert task_status(world, matter, "01") == "SUSPENDED"
    with pytest.raises(Refused, match="TASK_SUSPENDED"):
        planner.grant()
    world.advance(working_days=10)
    applicant = people.applicant(world)
    applicant.supply(matter, material(FORM, "签名"))
    assert task_status(world, matter, "01") == "SUSPENDED"
    applicant.supply(matter, material(PLAN, "坐标"), channel=Channel.CHANNEL_APP)
    assert task_status(world, matter, "01") == "CLAIMED"
    with pytest.raises(Refused, match="CORRECTION_ALREADY_VISIBLE"):
        planner.ask_correction(form="缺日期")
    planner.ask_correction_again("plan", "与新坐标重叠", "新坐标提交后才能比对")
    applicant.supply(matter, material(PLAN, "不重叠"))
    planner.grant()
    finish(world, matter)
    assert outcome(world, matter) == "GRANTED"
    return matter


@story
def corrected_before_anybody_signed_for_it(world: World) -> str:
    """An open task is suspended as well, and is open again afterwards."""
    matter = hand_in(world)
    people.official(world, matter, "01").ask_correction(plan="红线坐标错误")
    people.applicant(world).supply(matter, material(PLAN, "坐标"))
    assert task_status(world, matter, "01") == "OPEN"
    finish(world, matter)
    return matter


@story
def corrections_that_nobody_answers(world: World) -> str:
    """The law sets the applicant no time: the departments take back what they asked, and decide on what is there."""
    matter = hand_in(world)
    planner, water = people.official(world, matter, "01").claim(), people.official(world, matter, "02")
    planner.ask_correction(form="法人未签名", plan="红线坐标错误")
    water.ask_correction(plan="取水口位置不清")
    people.applicant(world).supply(matter, material(FORM, "签名"))
    world.advance(working_days=40)
    with pytest.raises(Refused, match="TASK_SUSPENDED"):
        planner.deny("逾期未补正")
    planner.lift("按现有材料审查")
    water.lift("现场踏勘后已能确定位置")
    assert (task_status(world, matter, "01"), task_status(world, matter, "02")) == ("CLAIMED", "OPEN")
    with pytest.raises(Refused, match="PERIOD_NOT_SUSPENDED"):
        water.lift()
    planner.deny("红线坐标仍然错误")
    finish(world, matter)
    assert item_outcomes(world, matter) == {"01": "DENIED", "02": "GRANTED", "03": "LAPSED"}
    return matter


@story
def special_procedure(world: World) -> str:
    """A test at the site does not count; the department moves its deadline by what it took."""
    matter = hand_in(world)
    officer = people.official(world, matter, "02")
    before = world.task(matter, "02").deadlines.legal.seconds
    with pytest.raises(Refused, match="PERIOD_NOT_SUSPENDED"):
        officer.end_special("没有开始")
    officer.begin_special(TESTING, 15, "委托水质检测")
    assert not world.task(matter, "02").deadlines.HasField("legal")
    with pytest.raises(Refused, match="PERIOD_SUSPENDED"):
        officer.begin_special(TESTING, 15, "再次委托")
    world.advance(working_days=12)
    officer.end_special("水质合格")
    assert world.task(matter, "02").deadlines.legal.seconds > before
    finish(world, matter)
    return matter


@story
def special_procedure_of_a_claimed_task(world: World) -> str:
    """Signed for, suspended for an expert review, extended meanwhile, and signed for still."""
    matter = hand_in(world)
    officer = people.official(world, matter, "02", rank=Rank.RANK_DEPARTMENT_HEAD).claim()
    officer.begin_special(SuspensionReason.SUSPENSION_REASON_EXPERT_REVIEW, 10, "组织专家评审")
    officer.extend(5, "评审后需要修改方案")
    world.advance(days=9)
    officer.end_special("通过")
    assert task_status(world, matter, "02") == "CLAIMED"
    finish(world, matter)
    return matter


@story
def extended(world: World) -> str:
    """Ten days more, with the head's approval, once; the applicant is told why."""
    matter = hand_in(world)
    staff = people.official(world, matter, "01")
    with pytest.raises(Refused, match="RANK_TOO_LOW"):
        staff.extend(10, "情况复杂")
    head = people.official(world, matter, "01", "head-1", rank=Rank.RANK_DEPARTMENT_HEAD)
    head.extend(10, "情况复杂，需要补充论证")
    with pytest.raises(Refused, match="PERIOD_EXTENDED_ALREADY"):
        head.extend(5, "仍然复杂")
    claimed = people.official(world, matter, "02", rank=Rank.RANK_DEPARTMENT_HEAD).claim()
    claimed.extend(3, "等候上游资料")
    finish(world, matter)
    return matter


@story
def transferred(world: World) -> str:
    """To the department that is competent since a reorganisation; the one before may not decide any more."""
    matter = hand_in(world)
    before = people.official(world, matter, "02")
    with pytest.raises(Refused, match="SAME_DEPARTMENT"):
        before.transfer("water", "转给自己")
    before.transfer("environment", "机构职能调整")
    with pytest.raises(Refused, match="WRONG_DEPARTMENT"):
        before.grant()
    claimed = people.official(world, matter, "01").claim()
    claimed.transfer("housing", "由住建部门实施")
    assert task_status(world, matter, "01") == "OPEN"
    finish(world, matter)
    assert {one.result.department for one in world.state(matter).items} == {"environment", "housing"}
    return matter


@story
def claimed_released_and_delegated(world: World) -> str:
    """Signed for, given back; another signs for it and is away, a third acts in their place."""
    matter = hand_in(world)
    li, wang = people.official(world, matter, "01", "li"), people.official(world, matter, "01", "wang")
    li.claim()
    with pytest.raises(Refused, match="TASK_CLAIMED_BY_ANOTHER"):
        wang.grant()
    li.release()
    wang.claim()
    with pytest.raises(Refused, match="DELEGATION_NOT_IN_FORCE"):
        li.acting_for("wang", "2026-02-01", "2026-02-28", "委〔2026〕1号").grant()
    li.acting_for("wang", "2026-03-01", "2026-03-31", "委〔2026〕3号").grant("代为审查，符合条件")
    finish(world, matter)
    return matter


@story
def handed_on_during_a_procedure(world: World) -> str:
    """While a test runs, one signs for the item and gives it back, and the department hands it on."""
    matter = hand_in(world)
    officer = people.official(world, matter, "02")
    officer.begin_special(TESTING, 15, "委托水质检测")
    officer.claim()
    officer.release()
    officer.transfer("environment", "机构职能调整")
    assert task_status(world, matter, "02") == "SUSPENDED"
    people.official(world, matter, "02").end_special("水质合格")
    finish(world, matter)
    return matter


@story
def late_and_warned(world: World) -> str:
    """Yellow, red, past the promise, past the law: facts; then it is decided all the same."""
    matter = hand_in(world)
    people.official(world, matter, "02").claim()
    world.advance(working_days=25)
    found = world.kinds(matter)
    assert found.count("task_warned") >= 4
    assert found.count("task_overdue") == 4
    assert world.task(matter, "01").legal_overdue
    finish(world, matter)
    assert outcome(world, matter) == "GRANTED"
    return matter


def deny(item: str) -> Deciding:
    """An official who denies one item and grants the others."""

    def decide(world: World, matter: str, task: TaskState) -> None:
        prepare(world, matter, task)
        official = people.official(world, matter, task.item_id)
        if task.item_id == item:
            official.deny("不符合规划")
        else:
            official.grant()

    return decide


@story
def denied_with_dependents(world: World) -> str:
    """What waited for the denied item can never open; its sibling runs on."""
    matter = hand_in(world)
    with pytest.raises(Refused, match="LEGAL_BASIS_MISSING"):
        replace(people.official(world, matter, "01"), basis=()).deny("不行")
    finish(world, matter, deny("01"))
    assert item_outcomes(world, matter) == {"01": "DENIED", "02": "GRANTED", "03": "LAPSED"}
    assert outcome(world, matter) == "PARTLY_DENIED"
    return matter


@story
def denied_with_the_whole_matter(world: World) -> str:
    """By the catalogue's rule one denial ends the matter: its siblings are called back."""
    matter = hand_in(world, ALL_OR_NOTHING)
    people.official(world, matter, "01").deny("不符合规划")
    assert item_outcomes(world, matter) == {"01": "DENIED", "02": "WITHDRAWN", "03": "LAPSED"}
    assert (status(world, matter), outcome(world, matter)) == ("COMPLETED", "DENIED")
    return matter


@story
def withdrawn(world: World) -> str:
    """One task open, one suspended, one not opened: all of it comes back."""
    matter = hand_in(world)
    people.official(world, matter, "02").begin_special(TESTING, 15, "委托水质检测")
    with pytest.raises(Refused, match="NOT_THE_APPLICANT"):
        people.applicant(world, "somebody-else").withdraw(matter)
    people.applicant(world).withdraw(matter, "项目终止")
    assert item_outcomes(world, matter) == {"01": "WITHDRAWN", "02": "WITHDRAWN", "03": "LAPSED"}
    with pytest.raises(Refused, match="TASK_WITHDRAWN"):
        people.official(world, matter, "01").grant()
    return matter


@story
def withdrawn_while_it_is_decided(world: World) -> str:
    """The city is out of reach: its grant crosses the withdrawal, and stands. So does an opening at the province."""
    matter = hand_in(world)
    people.official(world, matter, "01").claim()
    with world.asleep("intake"):
        people.official(world, matter, "02").grant()
        with world.asleep("approval-county"):
            people.applicant(world).withdraw(matter)
    world.settle()
    assert item_outcomes(world, matter) == {"01": "WITHDRAWN", "02": "GRANTED", "03": "LAPSED"}
    assert outcome(world, matter) == "WITHDRAWN"
    return matter


@story
def withdrawn_before_a_department_saw_it(world: World) -> str:
    """The city is away: it opens the item and gives it back in one breath. Meanwhile somebody comes to ask."""
    with world.asleep("approval-city"):
        matter = hand_in(world)
        people.applicant(world).withdraw(matter, "填错地址")
        assert status(world, matter) == "WITHDRAWING"
        people.clerk(world).visit(matter, people.TripCause.TRIP_CAUSE_APPLICANT_WISH, "来窗口询问")
        with pytest.raises(Refused, match="MATTER_CONCLUDED"):
            people.applicant(world).withdraw(matter)
    world.settle()
    assert item_outcomes(world, matter) == {"01": "WITHDRAWN", "02": "WITHDRAWN", "03": "LAPSED"}
    return matter


@story
def voided_before_a_department_saw_it(world: World) -> str:
    """The same, void."""
    with world.asleep("approval-city"):
        matter = hand_in(world)
        people.clerk(world).void(matter, "重复提交")
    world.settle()
    assert outcome(world, matter) == "VOIDED"
    return matter


@story
def voided(world: World) -> str:
    """A clerk finds that it was handed in under another's name; the city is slow to give its item back."""
    matter = hand_in(world)
    people.official(world, matter, "01").claim()
    with pytest.raises(Refused, match="ROLE_NOT_ALLOWED"):
        people.Clerk(world, people.applicant(world).actor).void(matter, "不想办了")
    with world.asleep("approval-city"):
        people.clerk(world).void(matter, "冒用他人身份提交")
        assert status(world, matter) == "VOIDING"
        people.clerk(world).visit(matter, people.TripCause.TRIP_CAUSE_APPLICANT_WISH, "来窗口询问")
        with pytest.raises(Refused):
            people.clerk(world).void(matter, "再次作废")
    world.settle()
    assert item_outcomes(world, matter) == {"01": "VOIDED", "02": "VOIDED", "03": "LAPSED"}
    assert (status(world, matter), outcome(world, matter)) == ("COMPLETED", "VOIDED")
    return matter
