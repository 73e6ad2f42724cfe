"""Stories of what is done together, and of the result: opinions, visits, the joint clock, delivery, trips, regions."""

from __future__ import annotations

import pytest
from tests.stories import people
from tests.stories.applications import application_for
from tests.stories.officials import finish
from tests.stories.paths import ASKING, ELSEWHERE, JOINT, PLAIN, VISITED, story
from tests.stories.paths_acceptance import outcome, status
from tests.stories.paths_tasks import hand_in, item_outcomes
from tests.stories.people import CrossRegionMode, DeliveryWay, TripCause
from tests.stories.world import Refused, World

from onematter.common.v1.actor_pb2 import Channel, Rank


@story
def opinions_consent(world: World) -> str:
    """One department consents, the other with a condition, which the grant takes over."""
    matter = hand_in(world, ASKING)
    official = people.official(world, matter, "01").claim()
    with pytest.raises(Refused, match="OPINIONS_PENDING"):
        official.grant()
    fire, water = (people.official(world, matter, "01", department=one) for one in ("fire", "water"))
    fire.consent("疏散条件满足")
    with pytest.raises(Refused, match="OPINION_GIVEN_ALREADY"):
        fire.consent()
    with pytest.raises(Refused, match="OPINION_NOT_ASKED"):
        people.official(world, matter, "01", department="police").consent()
    water.consent_if("同意，另附要求", "雨污分流")
    official.grant(conditions=["开工前报备"])
    assert list(world.task(matter, "01").decided.conditions) == ["雨污分流", "开工前报备"]
    finish(world, matter)
    return matter


@story
def opinion_given_while_nobody_has_signed(world: World) -> str:
    """Asked by hand beside the catalogue's, answered while the task is open, and while it is suspended."""
    matter = hand_in(world, ASKING)
    people.official(world, matter, "01", department="fire").consent()
    official = people.official(world, matter, "02")
    official.ask_opinions("是否影响行洪", "environment", "planning")
    people.official(world, matter, "02", department="environment").consent()
    official.begin_special(people.SuspensionReason.SUSPENSION_REASON_HEARING, 20, "利害关系人要求听证")
    people.official(world, matter, "02", department="planning").consent("听证期间答复")
    official.end_special("听证完毕")
    official.claim()
    official.ask_opinions("听证后是否仍同意", "environment")
    finish(world, matter)
    return matter


@story
def opinion_vetoed(world: World) -> str:
    """By the catalogue's rule one refusal forbids the grant."""
    matter = hand_in(world, ASKING)
    people.official(world, matter, "01", department="fire").consent()
    people.official(world, matter, "01", department="water").veto("位于行洪区")
    official = people.official(world, matter, "01")
    with pytest.raises(Refused, match="OPINION_VETOED"):
        official.grant()
    official.deny("水利部门不同意")
    finish(world, matter)
    assert item_outcomes(world, matter)["01"] == "DENIED"
    return matter


@story
def opinions_overdue(world: World) -> str:
    """Seven working days pass without an answer: a fact, and the decision waits no longer."""
    matter = hand_in(world, ASKING)
    claimed = people.official(world, matter, "02").claim()
    claimed.ask_opinions("是否影响行洪", "environment")
    suspended = people.official(world, matter, "01", department="fire")
    suspended.consent()
    world.advance(working_days=8)
    assert world.kinds(matter).count("opinions_overdue") == 2
    people.official(world, matter, "01").grant()
    finish(world, matter)
    return matter


@story
def opinions_overdue_in_a_special_procedure(world: World) -> str:
    """The department's clock stands still, that of the asked ones does not."""
    matter = hand_in(world, ASKING)
    official = people.official(world, matter, "01")
    official.begin_special(people.SuspensionReason.SUSPENSION_REASON_APPRAISAL, 20, "委托鉴定")
    world.advance(working_days=9)
    official.end_special("鉴定完毕")
    people.official(world, matter, "01", department="fire").consent("迟复同意")
    finish(world, matter)
    return matter


@story
def joint_site_visit(world: World) -> str:
    """One visit for three items, of which one opens only later; the applicant was there."""
    matter = hand_in(world, VISITED)
    market = people.official(world, matter, "01").claim()
    with pytest.raises(Refused, match="SITE_VISIT_MISSING"):
        market.grant()
    world.advance(working_days=1)
    market.visit_site(attended=True, departments=["market", "fire", "housing"])
    assert world.task(matter, "02").site_visit.passed
    market.grant()
    assert world.task(matter, "03").site_visit.passed, "what opens later has the finding, too"
    finish(world, matter)
    assert world.state(matter).visits == 1
    return matter


@story
def joint_site_visit_during_a_procedure(world: World) -> str:
    """The market's item stands still for an appraisal when the fire service visits; the finding is its own, too."""
    matter = hand_in(world, VISITED)
    market = people.official(world, matter, "01")
    market.begin_special(people.SuspensionReason.SUSPENSION_REASON_APPRAISAL, 10, "委托鉴定")
    people.official(world, matter, "02").visit_site(departments=["market", "fire", "housing"])
    assert world.task(matter, "01").site_visit.passed
    market.end_special("鉴定完毕")
    finish(world, matter)
    return matter


@story
def joint_site_visit_not_passed(world: World) -> str:
    """The fire service has signed for its item and finds the exits blocked; a second visit passes."""
    matter = hand_in(world, VISITED)
    people.official(world, matter, "02").claim()
    market = people.official(world, matter, "01")
    market.visit_site("疏散通道堵塞", passed=False, departments=["market", "fire"])
    with pytest.raises(Refused, match="SITE_VISIT_MISSING"):
        people.official(world, matter, "02").grant()
    world.advance(working_days=3)
    people.official(world, matter, "02").visit_site("已整改", departments=["market", "fire"])
    finish(world, matter)
    return matter


@story
def joint_handling_is_extended(world: World) -> str:
    """Yellow and red for the matter itself; the head of government grants fifteen days more, once."""
    matter = hand_in(world, JOINT)
    world.advance(working_days=28)
    assert world.state(matter).warned
    with pytest.raises(Refused, match="ROLE_NOT_ALLOWED"):
        people.clerk(world).extend(matter, 15, "情况复杂")
    with pytest.raises(Refused, match="RANK_TOO_LOW"):
        people.government(world, "bureau-head", Rank.RANK_DEPARTMENT_HEAD).extend(matter, 15, "情况复杂")
    mayor = people.government(world, "mayor", Rank.RANK_GOVERNMENT_HEAD)
    mayor.extend(matter, 15, "涉及多部门，情况复杂")
    with pytest.raises(Refused, match="PERIOD_EXTENDED_ALREADY"):
        mayor.extend(matter, 5, "仍然复杂")
    world.advance(working_days=40)
    assert world.kinds(matter).count("matter_overdue") == 2
    finish(world, matter)
    return matter


@story
def delivered_by_e_certificate(world: World) -> str:
    """No trip at all, from the first to the last: with the result the e-certificates are in the applicant's hands."""
    matter = hand_in(world)
    with pytest.raises(Refused, match="MATTER_NOT_COMPLETED"):
        people.clerk(world).deliver(matter, DeliveryWay.DELIVERY_WAY_E_CERTIFICATE)
    finish(world, matter)
    state = world.state(matter)
    assert (state.visits, state.HasField("delivered")) == (0, True)
    with pytest.raises(Refused, match="MATTER_DELIVERED"):
        people.clerk(world).deliver(matter, DeliveryWay.DELIVERY_WAY_POST, "再寄一次")
    return matter


@story
def delivered_by_post(world: World) -> str:
    """By post, no trip either."""
    matter = hand_in(world, delivery=DeliveryWay.DELIVERY_WAY_POST)
    finish(world, matter)
    people.clerk(world).deliver(matter, DeliveryWay.DELIVERY_WAY_POST, "EMS 1234567890")
    assert world.state(matter).visits == 0
    return matter


@story
def collected_on_a_second_trip(world: World) -> str:
    """Handed in at the window and collected there: two trips, the second with its cause."""
    matter = hand_in(world, channel=Channel.CHANNEL_WINDOW, delivery=DeliveryWay.DELIVERY_WAY_COUNTER)
    finish(world, matter)
    world.advance(days=2)
    people.clerk(world).deliver(matter, DeliveryWay.DELIVERY_WAY_COUNTER, "签名")
    state = world.state(matter)
    assert state.visits == 2
    assert [trip.cause for trip in state.trips] == [TripCause.TRIP_CAUSE_HAND_IN, TripCause.TRIP_CAUSE_COLLECTION]
    people.clerk(world).visit(matter, TripCause.TRIP_CAUSE_APPLICANT_WISH, "咨询后续事项")
    return matter


@story
def delivery_overdue(world: World) -> str:
    """Ten working days pass after the decision (行政许可法 §44)."""
    matter = hand_in(world, delivery=DeliveryWay.DELIVERY_WAY_COUNTER)
    finish(world, matter)
    world.advance(working_days=12)
    assert world.state(matter).delivery_overdue
    people.clerk(world).deliver(matter, DeliveryWay.DELIVERY_WAY_COUNTER, "签名")
    return matter


@story
def a_second_trip_needs_its_cause(world: World) -> str:
    """The web was down; that is on record, and without it the trip would not be."""
    matter = hand_in(world, channel=Channel.CHANNEL_WINDOW)
    with pytest.raises(Refused, match="TRIP_CAUSE_MISSING"):
        people.clerk(world).visit(matter, TripCause.TRIP_CAUSE_UNSPECIFIED, "网上补传失败")
    people.clerk(world).visit(matter, TripCause.TRIP_CAUSE_SYSTEM_AWAY, "网上补传失败")
    assert world.state(matter).visits == 2
    finish(world, matter)
    return matter


@story
def handled_elsewhere_from_afar(world: World) -> str:
    """全程网办: the region that handles it does all of it."""
    matter = hand_in(world, ELSEWHERE, cross_region=CrossRegionMode.CROSS_REGION_MODE_REMOTE)
    finish(world, matter)
    return matter


@story
def taken_by_a_window_elsewhere(world: World) -> str:
    """异地代收代办: a window in another province takes it and passes it on; one trip, there."""
    matter = hand_in(
        world, ELSEWHERE, channel=Channel.CHANNEL_OTHER_REGION, receiving_division="320102",
        cross_region=CrossRegionMode.CROSS_REGION_MODE_RELAYED,
    )  # fmt: skip
    assert world.state(matter).visits == 1
    finish(world, matter)
    return matter


@story
def handled_by_two_regions(world: World) -> str:
    """多地联办: one place accepts, the regions cooperate, and one province owns the matter."""
    matter = hand_in(
        world, ELSEWHERE, channel=Channel.CHANNEL_OTHER_REGION, receiving_division="320102",
        cross_region=CrossRegionMode.CROSS_REGION_MODE_JOINT,
    )  # fmt: skip
    assert world.state(matter).owner_division
    finish(world, matter)
    return matter


@story
def not_offered_elsewhere(world: World) -> str:
    """A matter that is not handled across regions is not taken there."""
    application = application_for(world.catalogue.get(PLAIN))
    with pytest.raises(Refused, match="CROSS_REGION_NOT_OFFERED") as refused:
        people.applicant(world).submit(
            PLAIN, application, receiving_division="320102", cross_region=CrossRegionMode.CROSS_REGION_MODE_RELAYED
        )  # fmt: skip
    return refused.value.outcome.matter_id


@story
def begun_at_the_window_and_continued_in_the_app(world: World) -> str:
    """线上线下融合: one matter, whatever the channel."""
    matter = hand_in(world, channel=Channel.CHANNEL_WINDOW)
    official = people.official(world, matter, "01").claim()
    official.ask_correction(form="缺签名")
    form = next(one for one in application_for(world.catalogue.get(PLAIN)).materials if one.material_id == "form")
    people.applicant(world).supply(matter, form, channel=Channel.CHANNEL_APP)
    official.grant()
    finish(world, matter)
    assert (world.state(matter).visits, outcome(world, matter), status(world, matter)) == (1, "GRANTED", "COMPLETED")
    return matter
