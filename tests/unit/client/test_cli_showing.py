"""What `progress` tells a person: trips, what is asked and what is not, deadlines with the days left, who accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from io import StringIO
from typing import Any

import pytest
from click.testing import Result
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from onematter.archive.v1.archive_service_pb2 import AccountableTime, Office
from onematter.client.cli import labels
from onematter.client.cli.app import App
from onematter.client.cli.showing import view_table
from onematter.client.findings import last_day
from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.period_pb2 import Deadlines, SuspensionReason
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, TripCause
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, HeldMaterial, ItemOutcome, MatterOutcome, Trip
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterStatus
from onematter.notification.v1.notification_events_pb2 import NoticeKind

from .conftest import MATTER, document, sealed, view
from .conftest import Office as Services

Run = Callable[..., Result]
TODAY = date(2026, 12, 1)


def end_of(day: date) -> Timestamp:
    """24:00 in China of that day."""
    after = datetime(day.year, day.month, day.day, tzinfo=timezone(timedelta(hours=8))) + timedelta(days=1)
    return Timestamp(seconds=int(after.timestamp()))


def shown(matter: MatterView, language: str = "en") -> str:
    """The matter as it is printed on a wide terminal, the first of December 2026."""
    console = Console(width=400, file=StringIO())
    console.print(view_table(matter, App(language=language), {"floor_plan": "Floor plan"}, TODAY))
    return console.file.getvalue()  # type: ignore[attr-defined]


def running(**fields: Any) -> MatterView:
    """A matter that is handled."""
    made = view()
    made.MergeFrom(MatterView(**fields))
    return made


def test_trips_done_and_expected_with_their_reasons() -> None:
    trip = Trip(cause=TripCause.TRIP_CAUSE_ORIGINAL_CHECK, reason="the lease", division="330106")
    told = shown(running(visits=1, expected_visits=2, trips=[trip]))
    assert "visits 1, at most 2" in told
    assert "an original was shown  the lease  330106" in told


def test_a_completed_matter_expects_no_trips_but_to_collect() -> None:
    done = running(visits=1)
    done.completed.seconds = 1_795_000_000
    assert "at most" not in shown(done)
    done.expected_visits = 2
    assert "visits 1, at most 2" in shown(done)
    done.visits = 3
    assert "at most" not in shown(done)


def test_times_are_told_in_china_as_days_are() -> None:
    handed_in = running(accepted_by=AcceptedBy.ACCEPTED_BY_RULE, accepted_day="2026-11-24")
    handed_in.handed_in.FromDatetime(datetime(2026, 11, 23, 19, 20, 18, tzinfo=UTC))
    assert "handed in 2026-11-24 03:20:18" in shown(handed_in)


def test_what_is_asked_and_what_is_not_and_who_holds_it() -> None:
    told = shown(
        running(
            missing=["floor_plan"],
            outstanding_materials=["health"],
            unshared_materials=["title"],
            held_materials=[HeldMaterial(material_id="business_licence", source="market_regulation")],
        )
    )
    assert f"asked of you now: Floor plan  (onematter supply {MATTER} …)" in told
    assert "you promised to supply: health" in told
    assert "held by the government, but not shared: title" in told
    assert "not asked of you, the government holds it: business_licence ← market_regulation" in told


def test_a_denial_tells_what_it_rests_on_and_what_can_be_done_about_it() -> None:
    denied = running()
    result = denied.items.add().result
    denied.items[-1].item.item_id = "03"
    result.outcome, result.opinion = ItemOutcome.ITEM_OUTCOME_DENIED, "it hides a window"
    result.basis.append("art. 11")
    result.reconsideration_days, result.litigation_months = 60, 6
    told = shown(denied)
    assert "03 denied: it hides a window; basis art. 11; reconsideration may be asked for within 60 days" in told
    assert "denied" not in shown(running())


def test_a_matter_that_is_not_accepted_has_no_list_of_items() -> None:
    assert "department" not in shown(MatterView(matter_id=MATTER, status=MatterStatus.MATTER_STATUS_RECEIVED))


def test_nothing_is_said_of_materials_when_nothing_is_asked_or_held() -> None:
    told = shown(running())
    assert "asked" not in told
    assert "promised to" not in told


@pytest.mark.parametrize(
    ("promised", "legal", "said"),
    [
        (
            date(2026, 12, 11),
            date(2026, 12, 31),
            "promised 2026-12-11 (10 days left)  by law 2026-12-31 (30 days left)",
        ),
        (date(2026, 12, 1), date(2026, 12, 1), "promised 2026-12-01 (0 days left)"),
        (date(2026, 11, 29), date(2026, 12, 31), "promised 2026-11-29 (2 days overdue)"),
    ],
)
def test_deadlines_tell_the_days_left(promised: date, legal: date, said: str) -> None:
    told = shown(running(deadlines=Deadlines(promised=end_of(promised), legal=end_of(legal))))
    assert said in told
    assert ("by law" in told) == (promised != legal)


def test_a_deadline_tells_how_it_comes_about() -> None:
    deadlines = Deadlines(legal=end_of(date(2026, 12, 31)), provisional=True)
    explanation = json.dumps({"days": 45, "kind": "working", "from": "2026-11-23"})
    told = shown(running(deadlines=deadlines, deadline_explanation_json=explanation))
    assert "by law 2026-12-31 (30 days left)  (provisional) (45 working days from 2026-11-23)" in told
    assert "working days" not in shown(running(deadlines=deadlines, deadline_explanation_json="{"))


@pytest.mark.parametrize(
    ("accepted_by", "said"),
    [
        (AcceptedBy.ACCEPTED_BY_RULE, "accepted 2026-11-27  by rule, at once"),
        (AcceptedBy.ACCEPTED_BY_CLERK, "accepted 2026-11-27  by the window"),
        (AcceptedBy.ACCEPTED_BY_SILENCE, "accepted 2026-11-27  by silence (Licensing Law, art. 32)"),
    ],
)
def test_who_accepted(accepted_by: Any, said: str) -> None:
    assert said in shown(running(accepted_by=accepted_by, accepted_day="2026-11-27"))


def test_a_matter_that_was_received_tells_until_when_it_is_answered() -> None:
    received = running(acceptance_deadline=end_of(date(2026, 12, 4)))
    received.status = MatterStatus.MATTER_STATUS_RECEIVED
    told = shown(received)
    assert "received" in told
    assert "an answer whether it is accepted by 2026-12-04 (3 days left)" in told


def test_an_items_clock_stands_still_or_is_told_with_its_last_day() -> None:
    matter = running()
    state = matter.items[0]
    state.status = ItemStatus.ITEM_STATUS_OPEN
    state.promised_deadline.CopyFrom(end_of(date(2026, 12, 11)))
    assert "2026-12-11 (10 days left)" in shown(matter)
    state.suspended_for = SuspensionReason.SUSPENSION_REASON_HEARING
    told = shown(matter)
    assert "open · hearing" in told
    assert "stands still" in told
    assert "2026-12-11" not in told


def test_a_transferred_item_stands_where_it_is_and_a_revoked_one_is_revoked() -> None:
    matter = running()
    matter.items[0].department, matter.items[0].division = "fire", "330200"
    told = shown(matter)
    assert "fire" in told
    assert "government_services" not in told
    matter.items[0].result.outcome = ItemOutcome.ITEM_OUTCOME_GRANTED
    matter.items[0].revoked = True
    assert "revoked" in shown(matter)


def test_a_result_tells_its_delivery() -> None:
    done = running(delivery=DeliveryWay.DELIVERY_WAY_POST, delivery_deadline=end_of(date(2026, 12, 15)))
    done.completed.seconds = 1_795_000_000
    assert "delivery  post  by 2026-12-15" in shown(done)
    done.delivered.seconds = 1_795_100_000
    assert "delivered  post" in shown(done)


def test_progress_names_the_materials_that_the_catalogue_names(run: Run, office: Services) -> None:
    office.matter = running(missing=["floor_plan"])
    assert "现在需要您补交: 平面图" in run("progress", MATTER, "--lang", "zh-CN").stdout
    assert document(run("progress", MATTER, "--json"))["missing"] == ["floor_plan"]


def test_a_case_tells_whose_the_time_was(run: Run, office: Services) -> None:
    office.case_file, office.receipt = sealed()
    fire = Office(level=Level.LEVEL_CITY, division="330100", department="fire")
    office.accountable_time = [
        AccountableTime(office=fire, minutes=90),
        AccountableTime(applicant=True, minutes=30),
        AccountableTime(special_procedure=SuspensionReason.SUSPENSION_REASON_HEARING, minutes=60),
    ]
    told = run("case", MATTER).stdout
    assert "fire 330100 city  1.5 working hours" in told
    assert "the applicant  0.5 working hours" in told
    assert "hearing  1.0 working hours" in told
    assert len(document(run("case", MATTER, "--json"))["accountable_time"]) == 3


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_value_of_the_contract_has_a_word(language: str) -> None:
    app = App(language=language)
    words: list[str] = []
    words += [labels.accepted_by(number, app) for number in AcceptedBy.values() if number]
    words += [labels.trip_cause(number, app) for number in TripCause.values() if number]
    words += [labels.delivery(number, app) for number in DeliveryWay.values() if number]
    words += [labels.notice_kind(number, app) for number in NoticeKind.values() if number]
    words += [labels.matter(MatterView(status=name), app) for name, number in MatterStatus.items() if number]
    words += [labels.matter(MatterView(outcome=name), app) for name, number in MatterOutcome.items() if number]
    assert not [word for word in words if any(c.isdigit() for c in word.replace("32", ""))]


def test_the_last_day_of_a_deadline_does_not_depend_on_the_zone() -> None:
    assert last_day(end_of(date(2026, 12, 31))) == "2026-12-31"
    assert last_day(Timestamp()) == ""
    assert end_of(date(2026, 12, 31)).seconds == int(datetime(2026, 12, 31, 16, tzinfo=UTC).timestamp())
