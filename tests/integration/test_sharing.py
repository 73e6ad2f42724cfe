"""What the government holds is fetched from a platform that answers, refuses, is slow or away; no matter waits."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.live import EXCHANGE_EVENTS, LEVELS, MATTER_EVENTS, TASK_EVENTS, Live, failure_of
from tests.tail import poll

from onematter.exchange.v1 import exchange_service_pb2 as exchange
from onematter.exchange.v1.exchange_state_pb2 import SharingStatus
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterOutcome, SharingFailure
from onematter.local.platform.switches import Switch, set_switch

MATERIAL, SOURCE = "business_licence", "market_regulation"
APPLICANT = "杭州示例智造有限公司"
# Beside those of the matter itself.
REQUESTED, RESOLVED, FAILED = "materials_requested", "materials_resolved", "sharing_failed"


@pytest.fixture
def platform(live: Live) -> Iterator[Path]:
    """The folder of the platform's switches; afterwards it answers again, and the exchange knows it."""
    directory = live.directory / "data" / "platform"
    yield directory
    set_switch(directory, SOURCE, Switch())

    def answers() -> bool:
        matter_id = live.open_matter()
        return ends_as(live, matter_id) == SharingStatus.SHARING_STATUS_RESOLVED

    poll(answers, "the platform is called again")


def ends_as(live: Live, matter_id: str) -> int:
    """What came of asking for the material, once that is settled."""

    def settled() -> Any:
        live.tail.read()
        found = live.exchange.ListSharings(exchange.ListSharingsRequest(matter_id=matter_id), timeout=10).requests[0]
        return found.status if found.answered.seconds else 0

    live.event(EXCHANGE_EVENTS, matter_id, REQUESTED)
    return poll(settled, f"the sharing of {matter_id}")


def kinds(live: Live, topic: str, matter_id: str) -> list[str]:
    live.tail.read_to_end()
    return [event.WhichOneof("event") for event in live.events(topic, matter_id)]


def view(live: Live, matter_id: str) -> Any:
    return live.intake.GetMatter(intake.GetMatterRequest(matter_id=matter_id), timeout=10).matter


def completes_by_people(live: Live, matter_id: str) -> None:
    if view(live, matter_id).missing:
        item_id = live.item_at("county")
        live.event(TASK_EVENTS["county"], matter_id, "unshared_noted", item_id)
        county = live.decision("county", matter_id, item_id)
        refused = failure_of(lambda: live.decide("county", county))
        assert refused.told == {("item_id", "MATERIAL_NOT_SHARED")}
        supply(live, matter_id)
        live.event(TASK_EVENTS["county"], matter_id, "task_supplied", item_id)
    for level in LEVELS:
        live.decide(level, live.decision(level, matter_id, live.item_at(level)))
    completed = live.completes(matter_id).matter_completed
    assert completed.outcome == MatterOutcome.MATTER_OUTCOME_GRANTED
    # Sealed: the exchange's events are part of the matter's manifest and have arrived at the archive.
    assert EXCHANGE_EVENTS in {position.topic for position in completed.manifest}
    live.event("onematter.archive.events.v1", matter_id, "matter_sealed")


def supply(live: Live, matter_id: str) -> None:
    """The applicant supplies what was asked instead."""
    command = IntakeCommand(request_id=live.new_id(), matter_id=matter_id)
    command.actor.principal = live.principal
    command.actor.role = 3  # type: ignore[assignment]
    command.supply_materials.channel = 2  # type: ignore[assignment]
    command.supply_materials.materials.add(
        material_id=MATERIAL, digest=hashlib.sha256(b"copy").digest(), size_bytes=4, media_type="application/pdf",
        trust_class=3,  # type: ignore[arg-type]
    )  # fmt: skip
    live.intake.HandleMatter(intake.HandleMatterRequest(command=command), timeout=60)


def test_what_is_found_is_told_to_its_item_and_kept_by_its_digest(live: Live) -> None:
    matter_id = live.open_matter()
    told = live.event(MATTER_EVENTS, matter_id, RESOLVED).materials_resolved
    assert (told.source, list(told.told_items)) == (SOURCE, ["01"])
    (material,) = told.materials
    request = intake.DownloadMaterialRequest(digest=material.digest)
    content = b"".join(part.chunk for part in live.intake.DownloadMaterial(request, timeout=10))
    assert hashlib.sha256(content).digest() == material.digest
    assert content.startswith(b"%PDF-")
    supplied = live.event(TASK_EVENTS["county"], matter_id, "task_supplied", "01").task_supplied
    assert [one.material_id for one in supplied.materials] == [MATERIAL]
    shared = live.event(EXCHANGE_EVENTS, matter_id, "material_resolved").material_resolved
    assert (shared.source, shared.issuer, shared.late) == (SOURCE, SOURCE, False)
    assert list(view(live, matter_id).missing) == []
    completes_by_people(live, matter_id)


def test_no_event_of_the_exchange_names_the_applicant(live: Live) -> None:
    matter_id = live.open_matter()
    live.event(EXCHANGE_EVENTS, matter_id, "material_resolved")
    records = live.tail.of(EXCHANGE_EVENTS, matter_id)
    assert records
    assert not any(APPLICANT.encode() in record.value for record in records)


def test_what_a_rule_grants_is_not_fetched(live: Live) -> None:
    command = live.hand_in(amount=5)
    live.submit(command)
    live.completes(command.matter_id)
    assert kinds(live, EXCHANGE_EVENTS, command.matter_id) == []


def test_a_refusal_is_an_event_with_its_owner_and_the_applicant_is_asked_once(live: Live, platform: Path) -> None:
    set_switch(platform, SOURCE, Switch("refused", "该数据不予共享"))
    matter_id = live.open_matter()
    refused = live.event(EXCHANGE_EVENTS, matter_id, "sharing_refused").sharing_refused
    assert (refused.source, refused.owner, refused.reason) == (SOURCE, SOURCE, "该数据不予共享")
    told = live.event(MATTER_EVENTS, matter_id, FAILED).sharing_failed
    assert (told.source, list(told.material_ids), told.reason) == (SOURCE, [MATERIAL], "该数据不予共享")
    assert told.failure == SharingFailure.SHARING_FAILURE_REFUSED
    asked = view(live, matter_id)
    assert (list(asked.missing), list(asked.unshared_materials)) == ([MATERIAL], [MATERIAL])
    supply(live, matter_id)
    poll(lambda: not view(live, matter_id).missing, "nothing is asked any more")
    supplied = live.event(TASK_EVENTS["county"], matter_id, "task_supplied", "01").task_supplied
    assert [one.material_id for one in supplied.materials] == [MATERIAL]
    completes_by_people(live, matter_id)
    assert kinds(live, MATTER_EVENTS, matter_id).count(FAILED) == 1


def test_a_slow_platform_keeps_nobody_waiting(live: Live, platform: Path) -> None:
    set_switch(platform, SOURCE, Switch("slow", seconds=1.5))
    # Its items are open while the platform still thinks.
    matter_id = live.open_matter()
    live.event(MATTER_EVENTS, matter_id, RESOLVED)
    assert FAILED not in kinds(live, MATTER_EVENTS, matter_id)
    completes_by_people(live, matter_id)


def test_a_platform_that_does_not_answer_in_time_is_booked_as_that(live: Live, platform: Path) -> None:
    set_switch(platform, SOURCE, Switch("slow", seconds=600))
    matter_id = live.open_matter()
    told = live.event(MATTER_EVENTS, matter_id, FAILED).sharing_failed
    assert (told.source, told.failure) == (SOURCE, SharingFailure.SHARING_FAILURE_TIMED_OUT)
    delays = [e.sharing_delayed for e in live.events(EXCHANGE_EVENTS, matter_id) if e.HasField("sharing_delayed")]
    assert delays
    assert {delay.source for delay in delays} == {SOURCE}
    completes_by_people(live, matter_id)
    assert kinds(live, MATTER_EVENTS, matter_id).count(FAILED) == 1


def test_what_was_announced_for_later_still_comes(live: Live, platform: Path) -> None:
    set_switch(platform, SOURCE, Switch("delayed", "数据源稍后答复", seconds=14))
    matter_id = live.open_matter()
    told = live.event(MATTER_EVENTS, matter_id, FAILED).sharing_failed
    assert (told.failure, told.reason) == (SharingFailure.SHARING_FAILURE_TIMED_OUT, "数据源稍后答复")
    assert list(view(live, matter_id).missing) == [MATERIAL]
    live.event(MATTER_EVENTS, matter_id, RESOLVED)
    poll(lambda: not view(live, matter_id).missing, "nothing is asked any more")
    assert live.event(EXCHANGE_EVENTS, matter_id, "material_resolved").material_resolved.late
    completes_by_people(live, matter_id)


def test_a_platform_that_is_away_is_not_called_for_a_while(live: Live, platform: Path) -> None:
    set_switch(platform, SOURCE, Switch("away"))
    matters = [live.open_matter() for _ in range(6)]
    for matter_id in matters:
        told = live.event(MATTER_EVENTS, matter_id, FAILED).sharing_failed
        assert (told.source, told.failure) == (SOURCE, SharingFailure.SHARING_FAILURE_AWAY)
    (known,) = [
        one
        for one in live.exchange.ListSources(exchange.ListSourcesRequest(), timeout=10).sources
        if one.source == SOURCE
    ]
    assert known.circuit != exchange.CircuitState.CIRCUIT_STATE_CLOSED
    assert known.failures >= 5
    with urllib.request.urlopen(f"http://{live.stack.addresses.services['exchange'].metrics}/metrics") as answer:
        text = answer.read().decode()
    assert f'onematter_sharing_calls_total{{result="away",source="{SOURCE}"}}' in text
    completes_by_people(live, matters[0])


@pytest.mark.usefixtures("platform")
def test_a_platform_whose_process_is_gone_is_away(live: Live) -> None:
    live.stack.kill("platform")
    try:
        matter_id = live.open_matter()
        told = live.event(MATTER_EVENTS, matter_id, FAILED).sharing_failed
        assert (told.source, told.failure) == (SOURCE, SharingFailure.SHARING_FAILURE_AWAY)
    finally:
        live.stack.restart("platform")
    completes_by_people(live, matter_id)


def test_an_exchange_that_is_killed_in_a_call_tells_its_answer_once(live: Live, platform: Path) -> None:
    set_switch(platform, SOURCE, Switch("slow", seconds=1.5))
    matter_id = live.open_matter()
    live.event(EXCHANGE_EVENTS, matter_id, REQUESTED)
    live.stack.kill("exchange")
    set_switch(platform, SOURCE, Switch())
    live.stack.restart("exchange")
    live.event(MATTER_EVENTS, matter_id, RESOLVED)
    completes_by_people(live, matter_id)
    assert kinds(live, EXCHANGE_EVENTS, matter_id).count("material_resolved") == 1
    assert kinds(live, MATTER_EVENTS, matter_id).count(RESOLVED) == 1
