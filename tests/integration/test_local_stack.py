"""The stack comes up whole or not at all, can be found again, and leaves no process behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from onematter.local import state
from onematter.local.errors import AlreadyRunning, LocalError, ProcessDied
from onematter.local.ports import PORTS
from onematter.local.processes import Identity
from onematter.local.stack import DEFAULT_SERVICES, ServiceSpec, Stack, load, start

FAKE_SERVICE = """
import http.server, json, os, sys

data = os.environ["ONEMATTER_DATA_DIR"]
names = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "PYTHONUNBUFFERED")
with open(os.path.join(data, "environment.json"), "w") as file:
    kept = {k: v for k, v in os.environ.items() if k.startswith("ONEMATTER_") or k in names}
    json.dump(kept, file)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

host, port = os.environ["ONEMATTER_METRICS_ADDRESS"].split(":")
print("listening")
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""
FAILING_SERVICE = "import sys; print('the catalogue is not valid'); sys.exit(4)"
STARTER = """
import sys, time
from pathlib import Path
from onematter.local.processes import termination_as_exit
from onematter.local.stack import ServiceSpec, start

directory, service, detached = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "detached"
services = [ServiceSpec("intake", (sys.executable, "-c", service))]
with termination_as_exit():
    stack = start(directory, detached=detached, services=services, setup=())
    if detached:
        sys.exit()
    with stack:
        print("ready", flush=True)
        time.sleep(120)
"""


def fake(deployment: str, code: str = FAKE_SERVICE, **environment: str) -> ServiceSpec:
    return ServiceSpec(deployment, (sys.executable, "-c", code), environment)


def poll(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def identities(directory: Path) -> dict[str, Identity]:
    written = state.load(directory)
    assert written is not None
    return {record.spec.name: record.identity for record in written.processes}


@pytest.fixture
def given_parts(monkeypatch: pytest.MonkeyPatch, kafka_bootstrap_servers: str, database_url: str) -> None:
    """The session's broker and database, given as an operator gives real ones."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap_servers)
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def own_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker or database is given, so the stack brings its own."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.mark.usefixtures("given_parts")
def test_each_service_is_told_who_and_where_it_is(
    tmp_path: Path, kafka_bootstrap_servers: str, database_url: str
) -> None:
    services = [
        fake("intake"),
        replace(
            fake("approval-city", ONEMATTER_LEVEL="city"), addresses={"ONEMATTER_A": "intake", "ONEMATTER_B": "nobody"}
        ),
        ServiceSpec("supervision", fake("").argv, serves_grpc=False),
    ]
    lines: list[str] = []
    with start(tmp_path, detached=False, services=services, setup=(), progress=lines.append) as stack:
        addresses = stack.addresses
        assert {status.name for status in stack.status()} == {service.deployment for service in services}
        assert all_ready(stack)
        with urllib.request.urlopen(f"http://{addresses.services['intake'].metrics}/readyz") as answer:
            assert answer.status == 200
    assert addresses.kafka_bootstrap_servers == kafka_bootstrap_servers
    assert addresses.database_url == database_url
    environment = json.loads((tmp_path / "data" / "approval-city" / "environment.json").read_text())
    # Ours, where this run has some: which ports a stack may choose is no service's affair.
    environment.pop(PORTS, None)
    city = addresses.services["approval-city"]
    assert environment == {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "DATABASE_URL": database_url,
        "ONEMATTER_DEPLOYMENT": "approval-city",
        "ONEMATTER_LEVEL": "city",
        "ONEMATTER_GRPC_ADDRESS": city.grpc,
        "ONEMATTER_METRICS_ADDRESS": city.metrics,
        "ONEMATTER_DATA_DIR": str(tmp_path / "data" / "approval-city"),
        "ONEMATTER_A": addresses.services["intake"].grpc,
        "ONEMATTER_PEERS": json.dumps({"intake": addresses.services["intake"].grpc, "approval-city": city.grpc}),
        "ONEMATTER_ENVIRONMENT": "test",
        "ONEMATTER_TEST_CLOCK": str(tmp_path / "clock"),
        # Less than what stopping waits before it kills.
        "ONEMATTER_GRACE_SECONDS": "14",
        "PYTHONUNBUFFERED": "1",
    }
    alone = json.loads((tmp_path / "data" / "supervision" / "environment.json").read_text())
    assert "ONEMATTER_GRPC_ADDRESS" not in alone
    assert addresses.services["supervision"].grpc is None
    assert [line for line in lines if "intake: up at" in line]


def test_the_product_is_eight_deployments_and_a_made_up_platform() -> None:
    assert [(service.deployment, service.argv[-1]) for service in DEFAULT_SERVICES] == [
        ("intake", "onematter.intake"),
        ("approval-province", "onematter.approval"),
        ("approval-city", "onematter.approval"),
        ("approval-county", "onematter.approval"),
        ("notification", "onematter.notification"),
        ("archive", "onematter.archive"),
        ("supervision", "onematter.supervision"),
        ("exchange", "onematter.exchange"),
        ("platform", "onematter.local.platform"),
    ]
    assert [service.environment.get("ONEMATTER_LEVEL") for service in DEFAULT_SERVICES[1:4]] == [
        "province",
        "city",
        "county",
    ]


@pytest.mark.usefixtures("given_parts")
def test_a_service_that_dies_early_is_told_and_takes_the_start_with_it(tmp_path: Path) -> None:
    alive: list[Identity] = []

    def remember(line: str) -> None:
        if "intake: up" in line:
            alive.append(identities(tmp_path)["intake"])

    # Dies only after its neighbour is up, so that something is there to be stopped.
    late = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.02)\n{FAILING_SERVICE}"

    def progress(line: str) -> None:
        remember(line)
        if alive:
            (tmp_path / "go").touch()

    with pytest.raises(ProcessDied, match=r"archive exited with code 4(.|\n)*the catalogue is not valid"):
        start(tmp_path, detached=True, services=[fake("intake"), fake("archive", late)], setup=(), progress=progress)
    assert len(alive) == 1
    assert not alive[0].alive()
    assert load(tmp_path) is None


@pytest.mark.usefixtures("given_parts")
def test_a_setup_that_fails_is_told_and_no_service_starts(tmp_path: Path, kafka_bootstrap_servers: str) -> None:
    code = "import os; raise SystemExit('cannot provision ' + os.environ['KAFKA_BOOTSTRAP_SERVERS'])"
    with pytest.raises(ProcessDied, match=rf"setup-0 exited with code 1(.|\n)*provision {kafka_bootstrap_servers}"):
        start(tmp_path, detached=False, services=[fake("intake")], setup=[(sys.executable, "-c", code)])
    assert not (tmp_path / "data" / "intake").exists()


@pytest.mark.usefixtures("given_parts")
def test_kill_and_restart_keep_the_address(tmp_path: Path) -> None:
    with start(tmp_path, detached=False, services=[fake("intake")], setup=()) as stack:
        (before,) = stack.status()
        stack.kill("intake")
        (killed,) = stack.status()
        assert (killed.state, killed.exit_code) == ("ended", -signal.SIGKILL)
        with pytest.raises(ProcessDied, match="intake was killed by signal 9"):
            stack.check()
        stack.restart("intake")
        (after,) = stack.status()
        assert after.state == "ready"
        assert after.pid != before.pid
        assert identities(tmp_path)["intake"].pid == after.pid
        with pytest.raises(LocalError, match="no process 'archives' in this stack; there are intake"):
            stack.kill("archives")


@pytest.mark.usefixtures("given_parts")
def test_a_directory_belongs_to_one_stack_at_a_time(tmp_path: Path) -> None:
    with start(tmp_path, detached=False, services=[fake("intake")], setup=()) as stack:
        with pytest.raises(AlreadyRunning, match="onematter down"):
            start(tmp_path, detached=False, services=[fake("intake")], setup=())
        assert [status.state for status in stack.status()] == ["ready"]
        first = stack.addresses
    with start(tmp_path, detached=False, services=[fake("intake")], setup=()) as again:
        assert again.addresses == first


def starter(tmp_path: Path, kind: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(STARTER), str(tmp_path), FAKE_SERVICE, kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("given_parts")
def test_a_detached_stack_is_found_and_stopped_by_another_process(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    with starter(tmp_path, "detached") as process:
        assert process.wait(60) == 0
    stack = load(tmp_path)
    assert stack is not None
    try:
        (status,) = stack.status()
        assert (status.name, status.state) == ("intake", "ready")
        stack.restart("intake")
        assert_down_is_needed(tmp_path)
    finally:
        left = identities(tmp_path)
        stack.stop()
    assert not [name for name, identity in left.items() if identity.alive()]
    assert load(tmp_path) is None


def assert_down_is_needed(directory: Path) -> None:
    with pytest.raises(AlreadyRunning):
        start(directory, detached=True, services=[fake("intake")], setup=())


@pytest.mark.usefixtures("given_parts")
@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_foreground_stack_ends_in_order_when_its_parent_is_asked_to(
    tmp_path: Path, number: int, exit_code: int
) -> None:
    with starter(tmp_path, "foreground") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        left = identities(tmp_path)
        process.send_signal(number)
        assert process.wait(60) == exit_code
    assert not [name for name, identity in left.items() if identity.alive()]
    assert load(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
@pytest.mark.usefixtures("own_parts")
def test_kill_9_of_a_foreground_parent_leaves_no_process_and_no_harm(tmp_path: Path) -> None:
    with starter(tmp_path, "foreground") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        left = identities(tmp_path)
        process.kill()
    assert set(left) == {"kafka", "postgres", "intake"}
    poll(lambda: not any(identity.alive() for identity in left.values()), "end of every child")
    with start(tmp_path, detached=False, services=[fake("intake")], setup=()) as stack:
        assert all_ready(stack)


@pytest.mark.usefixtures("own_parts")
def test_an_interrupted_start_leaves_no_process(tmp_path: Path) -> None:
    seen: dict[str, Identity] = {}

    def interrupt(line: str) -> None:
        if "postgres: up" in line:
            seen.update(identities(tmp_path))
            # To this very process, as the terminal does.
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, detached=True, services=(), setup=(), progress=interrupt)
    assert "postgres" in seen
    assert not [name for name, identity in seen.items() if identity.alive()]
    assert load(tmp_path) is None


def all_ready(stack: Stack) -> bool:
    return {status.state for status in stack.status()} == {"ready"}
