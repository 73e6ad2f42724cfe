"""Stories up to acceptance: received, corrected, accepted by a clerk or by silence, refused, withdrawn, voided."""

from __future__ import annotations

import pytest
from tests.stories import people
from tests.stories.applications import application_for, material
from tests.stories.officials import finish
from tests.stories.paths import FORM, PLAIN, PLAN, REPORT, WINDOW, story
from tests.stories.world import Refused, World

from onematter.common.v1.actor_pb2 import Channel
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterOutcome
from onematter.intake.v1.intake_state_pb2 import MatterStatus


def hand_in(world: World, code: str = WINDOW, **more: object) -> str:
    """Hand in at the window."""
    application = application_for(world.catalogue.get(code))
    return people.applicant(world).submit(code, application, channel=Channel.CHANNEL_WINDOW, **more)  # type: ignore[arg-type]


def status(world: World, matter_id: str) -> str:
    """The matter's, as "RUNNING"."""
    return MatterStatus.Name(world.state(matter_id).status).removeprefix("MATTER_STATUS_")


def outcome(world: World, matter_id: str) -> str:
    """The matter's, as "GRANTED"."""
    return MatterOutcome.Name(world.state(matter_id).outcome).removeprefix("MATTER_OUTCOME_")


@story
def accepted_by_a_clerk(world: World) -> str:
    """Handed in at the window on Monday, accepted on Tuesday."""
    matter = hand_in(world)
    assert status(world, matter) == "RECEIVED"
    with pytest.raises(Refused):
        people.applicant(world).submit("OM-00", application_for(world.catalogue.get(WINDOW)))
    world.advance(days=1)
    people.clerk(world).accept(matter)
    state = world.state(matter)
    assert state.accepted_by == AcceptedBy.ACCEPTED_BY_CLERK
    assert state.accepted_day == "2026-03-03"
    with pytest.raises(Refused, match="MATTER_ACCEPTED_ALREADY"):
        people.clerk(world).accept(matter)
    finish(world, matter)
    assert world.state(matter).visits == 1
    return matter


@story
def corrected_before_acceptance(world: World) -> str:
    """Everything that is wrong is told once; what was visible then cannot be asked a second time."""
    matter = hand_in(world)
    clerk, applicant = people.clerk(world), people.applicant(world)
    clerk.ask_correction(matter, form="第二页未签名", plan="图例缺失")
    assert status(world, matter) == "CORRECTION"
    world.advance(days=3)
    applicant.supply(matter, material(FORM, "签名"))
    assert (status(world, matter), list(world.state(matter).missing)) == ("CORRECTION", ["plan"])
    clerk.visit(matter, people.TripCause.TRIP_CAUSE_CORRECTION, "到窗口送图")
    applicant.supply(matter, material(PLAN, "图例"), channel=Channel.CHANNEL_WINDOW)
    assert (status(world, matter), list(world.state(matter).missing)) == ("RECEIVED", [])
    with pytest.raises(Refused, match="CORRECTION_ALREADY_VISIBLE"):
        clerk.ask_correction(matter, form="首页缺日期")
    clerk.visit(matter, people.TripCause.TRIP_CAUSE_ORIGINAL_CHECK, "核对图纸原件")
    clerk.ask_correction_again(matter, "plan", "与新图例不符", "补交的图例改变了用地边界")
    applicant.supply(matter, material(PLAN, "边界"))
    clerk.accept(matter)
    finish(world, matter)
    return matter


@story
def accepted_although_corrected(world: World) -> str:
    """The clerk sees that nothing was wrong, and accepts what there is."""
    matter = hand_in(world)
    people.clerk(world).ask_correction(matter, form="疑似未签名")
    people.clerk(world).accept(matter)
    finish(world, matter)
    return matter


@story
def accepted_by_silence(world: World) -> str:
    """Nobody at the window says anything for five working days: accepted, from the day of receipt."""
    matter = hand_in(world)
    world.advance_to("2026-03-09 23:59")
    assert status(world, matter) == "RECEIVED"
    world.advance_to("2026-03-10 00:01")
    state = world.state(matter)
    assert state.accepted_by == AcceptedBy.ACCEPTED_BY_SILENCE
    assert state.accepted_day == "2026-03-02"
    finish(world, matter)
    return matter


@story
def silence_after_a_correction(world: World) -> str:
    """What is supplied after a correction is received anew, and so is the silence that follows."""
    matter = hand_in(world)
    world.advance(days=2)
    people.clerk(world).ask_correction(matter, form="未签名")
    world.advance(days=30)
    assert status(world, matter) == "CORRECTION", "while the applicant has it nothing passes"
    people.applicant(world).supply(matter, material(FORM, "签名"))
    received = world.today.isoformat()
    world.advance(working_days=6)
    state = world.state(matter)
    assert (state.accepted_by, state.accepted_day) == (AcceptedBy.ACCEPTED_BY_SILENCE, received)
    finish(world, matter)
    return matter


@story
def refused_to_the_competent_body(world: World) -> str:
    """Not ours: the window says whose it is."""
    matter = hand_in(world)
    with pytest.raises(Refused, match="COMPETENT_BODY_MISSING"):
        people.clerk(world).refuse(matter, "不属于本机关职权范围")
    people.clerk(world).refuse(matter, "不属于本机关职权范围", competent_body="省生态环境厅")
    assert (status(world, matter), outcome(world, matter)) == ("COMPLETED", "NOT_ACCEPTED")
    assert world.receipt(matter) is not None
    with pytest.raises(Refused):
        people.clerk(world).accept(matter)
    return matter


@story
def refused_as_not_required(world: World) -> str:
    """The matter needs no approval at all."""
    matter = hand_in(world)
    people.clerk(world).refuse(matter, "该事项已取消审批", not_required=True)
    assert outcome(world, matter) == "NOT_ACCEPTED"
    return matter


@story
def refused_during_a_correction(world: World) -> str:
    """In the applicant's hands, and seen not to be ours."""
    matter = hand_in(world)
    people.clerk(world).ask_correction(matter, form="未签名")
    people.clerk(world).refuse(matter, "不属于本机关职权范围", competent_body="市水利局")
    assert outcome(world, matter) == "NOT_ACCEPTED"
    return matter


@story
def withdrawn_before_acceptance(world: World) -> str:
    """Taken back before anybody accepted it: no task was opened, none is called back."""
    matter = hand_in(world)
    people.applicant(world).withdraw(matter, "项目调整")
    assert (status(world, matter), outcome(world, matter)) == ("COMPLETED", "WITHDRAWN")
    assert not world.tasks(matter)
    return matter


@story
def withdrawn_during_a_correction(world: World) -> str:
    """Rather taken back than corrected."""
    matter = hand_in(world)
    people.clerk(world).ask_correction(matter, plan="比例不符")
    people.applicant(world).withdraw(matter, "不再办理")
    assert outcome(world, matter) == "WITHDRAWN"
    return matter


@story
def voided_before_acceptance(world: World) -> str:
    """Handed in twice."""
    matter = hand_in(world)
    people.clerk(world).void(matter, "重复提交")
    assert (status(world, matter), outcome(world, matter)) == ("COMPLETED", "VOIDED")
    return matter


@story
def voided_during_a_correction(world: World) -> str:
    """Handed in twice, which is seen late."""
    matter = hand_in(world)
    people.clerk(world).ask_correction(matter, plan="比例不符")
    people.clerk(world).void(matter, "重复提交")
    assert outcome(world, matter) == "VOIDED"
    return matter


@story
def promised_material_comes_before_acceptance(world: World) -> str:
    """What may follow later (容缺) comes while the window still looks at the rest."""
    application = application_for(world.catalogue.get(WINDOW), without=("report",))
    matter = people.applicant(world).submit(WINDOW, application, promised=["report"])
    assert list(world.state(matter).outstanding_materials) == ["report"]
    people.applicant(world).supply(matter, material(REPORT))
    assert not world.state(matter).outstanding_materials
    people.clerk(world).accept(matter)
    finish(world, matter)
    return matter


@story
def everything_wrong_is_told_at_once(world: World) -> str:
    """A hand-in with several faults is refused with all of them; the matter is as if it had never been."""
    people.applicant(world)
    application = application_for(world.catalogue.get(PLAIN), without=("form", "plan"))
    with pytest.raises(Refused) as refused:
        people.applicant(world).submit(PLAIN, application, division="99")
    assert sorted(refused.value.reasons) == ["DIVISION_UNKNOWN", "MATERIAL_MISSING", "MATERIAL_MISSING"]
    return refused.value.outcome.matter_id
