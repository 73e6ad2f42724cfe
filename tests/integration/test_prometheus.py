"""A real Prometheus scrapes the running services and evaluates every rule."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.addresses import free_address
from tests.beside import canary, supervision
from tests.contract.test_alerts import MONITORING, queries
from tests.exporters import kafka_exporter, postgres_exporter
from tests.live import LEVELS, SUBMISSIONS, Live
from tests.promtool import program
from tests.tail import poll


class Prometheus:
    """One that listens on loopback."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer; None while there is none."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, OSError):
            return None

    def value(self, query: str) -> float:
        """The sum of what a query finds."""
        found = self.ask("query", query=query)
        return sum(float(one["value"][1]) for one in found["result"]) if found else 0.0


@pytest.fixture(scope="module")
def beside(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What is scraped beside the services, by job: the canary, and the exporters of Kafka and PostgreSQL."""
    directory = tmp_path_factory.mktemp("beside")
    with (
        canary(live, directory / "canary.log") as canary_address,
        supervision(live, directory) as supervision_address,
        postgres_exporter(live.parts, directory / "postgres.log") as postgres_address,
    ):
        yield {
            "canary": canary_address,
            "supervision": supervision_address,
            "kafka": kafka_exporter(live.parts),
            "postgres": postgres_address,
        }


@pytest.fixture(scope="module")
def prometheus(live: Live, beside: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("prometheus")
    addresses = {name: one.metrics for name, one in live.stack.addresses.services.items()} | beside
    jobs = [{"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in addresses.items()]
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(MONITORING / "rules" / "*.yaml")],
        "scrape_configs": jobs,
    }
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(settings))
    address = free_address()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        started = Prometheus(address)
        poll(lambda: started.ask("status/runtimeinfo"), "Prometheus")
        yield started
    finally:
        process.terminate()
        process.wait(30)


def targets(prometheus: Prometheus) -> dict[str, str]:
    found = prometheus.ask("targets")["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in found}


def test_every_service_is_scraped_and_every_rule_is_evaluated(
    live: Live, beside: dict[str, str], prometheus: Prometheus
) -> None:
    names = {*live.stack.addresses.services, *beside}
    poll(lambda: targets(prometheus) == dict.fromkeys(names, "up"), "every target up")

    def rules() -> list[Any]:
        return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    poll(lambda: all(rule["health"] == "ok" for rule in rules()), "every rule evaluated")
    written = [rule for path in (MONITORING / "rules").iterdir() for rule in yaml.safe_load(path.read_text())["groups"]]
    assert len(rules()) == sum(len(group["rules"]) for group in written)


def test_a_matter_is_in_the_figures_of_prometheus(live: Live, prometheus: Prometheus) -> None:
    query = 'sum(onematter_matter_result_seconds_count{job="intake",automatic="true"})'
    seals = "sum(onematter_matter_sealed_seconds_count)"
    before = prometheus.value(query), prometheus.value(seals)
    command = live.hand_in()
    live.publish(SUBMISSIONS, command)
    live.completes(command.matter_id)
    poll(lambda: prometheus.value(query) > before[0] and prometheus.value(seals) > before[1], "the matter is scraped")
    assert prometheus.value('count(onematter_build_info{service="approval"})') == 3


# What a healthy system has none of, and what needs a matter with people.
MAY_BE_EMPTY = ("spans", "steps_given_up", "dead_letters", "duplicates", "sharing", "sharings", 'automatic="false"')


def test_every_query_of_the_dashboards_finds_something(live: Live, prometheus: Prometheus) -> None:
    def matter_by_people() -> None:
        matter_id = live.open_matter()
        for level in LEVELS:
            live.decide(level, live.decision(level, matter_id, live.item_at(level)))
        live.completes(matter_id)

    def matter_by_rule() -> None:
        command = live.hand_in()
        live.publish(SUBMISSIONS, command)
        live.completes(command.matter_id)

    # A counter's first value is no growth: the second has something to grow from when the first is scraped.
    for what in (matter_by_people, matter_by_rule):
        what()
    by_people = 'sum(onematter_matter_result_seconds_count{automatic="false"})'
    poll(lambda: prometheus.value(by_people), "the first is scraped")
    for what in (matter_by_people, matter_by_rule):
        what()
    waiting = {place: text for place, text in queries().items() if not any(word in text for word in MAY_BE_EMPTY)}

    def found_all() -> bool:
        for place, text in list(waiting.items()):
            found = prometheus.ask("query", query=text.replace("$job", "intake").replace("$level", "county"))
            assert found is not None, f"{place}: Prometheus refuses {text}"
            if found["result"]:
                del waiting[place]
        return not waiting

    with contextlib.suppress(AssertionError):
        poll(found_all, "a value for every panel", 60)
    assert not waiting
