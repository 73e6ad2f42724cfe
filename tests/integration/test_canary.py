"""The canary beside the running services: its matters come through, and no figure of matters counts them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.addresses import free_address, sample, sample_if_any
from tests.beside import canary
from tests.live import LEVELS, SUBMISSIONS, Live
from tests.tail import poll

# By deployment, what counts matters, decisions and notices.
OF_MATTERS = {
    "intake": ["onematter_matter_result_seconds_count"],
    "archive": ["onematter_matter_sealed_seconds_count"],
    "notification": ["onematter_notices_total"],
    **{f"approval-{level}": ["onematter_decisions_total"] for level in LEVELS},
}


def counted(live: Live) -> dict[tuple[str, str], float]:
    addresses = {name: one.metrics for name, one in live.stack.addresses.services.items()}
    return {(name, of): sample(addresses[name], of) for name, metrics in OF_MATTERS.items() for of in metrics}


def settled(live: Live) -> dict[tuple[str, str], float]:
    """What is counted when nothing is on its way any more: a matter by rule went through after all else."""
    before = counted(live)
    command = live.hand_in()
    live.publish(SUBMISSIONS, command)
    live.completes(command.matter_id)
    poll(lambda: all(now > before[place] for place, now in counted(live).items()), "the matter is counted everywhere")
    last: list[dict[tuple[str, str], float]] = [{}, {}]

    def at_rest() -> bool:
        last.append(counted(live))
        return last[-1] == last[-2] == last[-3]

    poll(at_rest, "nothing is counted any more")
    return last[-1]


def test_its_matters_come_through_and_count_in_no_figure_of_matters(live: Live, tmp_path: Path) -> None:
    before = settled(live)
    with canary(live, tmp_path / "log") as address:
        poll(lambda: sample_if_any(address, "onematter_canary_runs_total") >= 3, "three runs")
        assert sample(address, "onematter_canary_failures_total") == 0, (tmp_path / "log").read_text()[-2000:]
        assert sample(address, "onematter_canary_duration_seconds_count", stage="verify") >= 3
        assert sample(address, "onematter_canary_last_success_timestamp_seconds", division="330106") > 1.7e9
    # A matter of somebody's after them: by then theirs would be counted, and one more stands everywhere.
    command = live.hand_in()
    live.publish(SUBMISSIONS, command)
    live.completes(command.matter_id)
    each = {place: 2 if place[0] == "notification" else 1 for place in before}
    wanted = {place: before[place] + each[place] for place in before}
    poll(lambda: counted(live) == wanted, f"one matter more than {before}, and nothing of the canary's")


def test_what_does_not_come_through_is_told_by_its_stage(live: Live, tmp_path: Path) -> None:
    nobody = json.dumps(dict.fromkeys(("intake", "archive"), free_address()))
    with canary(live, tmp_path / "log", ONEMATTER_PEERS=nobody, ONEMATTER_CANARY_TIMEOUT_SECONDS="2") as address:
        failures = "onematter_canary_failures_total"
        poll(lambda: sample_if_any(address, failures, stage="submit") >= 1, "a failure at submit")
        assert sample(address, "onematter_canary_last_success_timestamp_seconds", division="330106") == 0
