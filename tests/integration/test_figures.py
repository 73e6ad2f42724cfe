"""What a service says of itself on /metrics is what happened to a matter."""

from __future__ import annotations

from tests import addresses
from tests.live import LEVELS, SUBMISSIONS, Live
from tests.tail import poll


def sample(live: Live, deployment: str, name: str, **labels: str) -> float:
    """What a deployment says of it."""
    return addresses.sample(live.stack.addresses.services[deployment].metrics, name, **labels)


def test_a_matter_by_rule_is_counted_from_hand_in_to_result_and_seal(live: Live) -> None:
    by_rule = {"outcome": "granted", "automatic": "true"}
    names = {
        ("intake", "onematter_matter_result_seconds_count"): by_rule,
        ("intake", "onematter_matter_result_seconds_sum"): by_rule,
        ("archive", "onematter_matter_sealed_seconds_count"): {},
        ("notification", "onematter_notices_total"): {"kind": "result", "result": "delivered"},
    }
    before = {name: sample(live, *name, **labels) for name, labels in names.items()}
    command = live.hand_in()
    live.publish(SUBMISSIONS, command)
    live.completes(command.matter_id)
    for name, labels in names.items():
        poll(lambda name=name, labels=labels: sample(live, *name, **labels) > before[name], f"{name} counts the matter")
    grown = sample(live, "intake", "onematter_matter_result_seconds_sum", **by_rule)
    assert 0 < grown - before["intake", "onematter_matter_result_seconds_sum"] < 60


def test_a_matter_by_people_is_counted_apart(live: Live) -> None:
    name, by_people = "onematter_matter_result_seconds_count", {"outcome": "granted", "automatic": "false"}
    before = sample(live, "intake", name, **by_people)
    matter_id = live.open_matter()
    for level in LEVELS:
        live.decide(level, live.decision(level, matter_id, live.item_at(level)))
    live.completes(matter_id)
    poll(lambda: sample(live, "intake", name, **by_people) == before + 1, "a matter by people")


def test_the_archive_checks_what_it_sealed(live: Live) -> None:
    command = live.hand_in()
    live.publish(SUBMISSIONS, command)
    live.completes(command.matter_id)
    before = sample(live, "archive", "onematter_self_audits_total", result="ok")
    poll(lambda: sample(live, "archive", "onematter_self_audits_total", result="ok") > before, "a self-audit")
    assert sample(live, "archive", "onematter_self_audits_total", result="different") == 0
