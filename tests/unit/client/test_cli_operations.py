"""The operator's commands: indicators, the local stack, completion, help."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from onematter.client.cli import cli
from onematter.law.calendar import legal_date

from .conftest import document

Run = Callable[..., Result]


class _Indicators(http.server.BaseHTTPRequestHandler):
    answers: tuple[int, Any] = (200, {})

    def do_GET(self) -> None:
        status, body = self.answers
        self.send_response(status if self.path == "/indicators" else 404)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@pytest.fixture
def supervision() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Indicators)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answers", "exit_code"),
    [((200, {"levels": {"city": {"matters_finished": 3}}}), 0), ((503, {"error": "recovering"}), 3), ((200, b"<"), 1),
     ((404, b""), 3), ((200, []), 1)],
)  # fmt: skip
def test_indicators(
    run: Run, supervision: str, answers: tuple[int, Any], exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Indicators, "answers", answers)
    result = run("--supervision", supervision, "indicators", "--json")
    assert result.exit_code == exit_code
    assert document(result) == answers[1] if exit_code == 0 else document(result)["error"]
    assert run("--supervision", supervision, "indicators").exit_code == exit_code


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stack that runs here, as far as `onematter clock` looks at it."""
    monkeypatch.setenv("ONEMATTER_HOME", str(tmp_path))
    monkeypatch.delenv("ONEMATTER_ENVIRONMENT", raising=False)
    services = {"intake": {"grpc": "127.0.0.1:1", "metrics": "127.0.0.1:2"}}
    state = {"format": 1, "kafka_bootstrap_servers": "k", "services": services}
    (tmp_path / "stack.json").write_text(json.dumps(state))
    return tmp_path


def test_clock_moves_the_time_of_the_stack_that_runs_here(run: Run, stack: Path) -> None:
    real = legal_date(int(datetime.now(UTC).timestamp() * 1000))
    assert document(run("clock", "--json"))["offset"] == "+0s"
    moved = document(run("clock", "+30d", "--json"))
    assert moved["offset"] == "+30d"
    assert (stack / "clock").read_text().strip() == "+30d"
    again = document(run("clock", "+1d12h", "--json"))
    assert again["offset"] == "+31d12h"
    days = (date.fromisoformat(again["today"]) - real).days
    assert 31 <= days <= 33
    assert "+31d12h" in run("clock").stdout


@pytest.mark.parametrize("wrong", ["reset", "yesterday", "-1d"])
def test_a_clock_that_would_go_back_is_refused(run: Run, stack: Path, wrong: str) -> None:
    assert run("clock", "--json", "--", wrong).exit_code == 2
    assert not (stack / "clock").exists()


def test_a_stack_that_is_no_test_has_no_clock_to_move(run: Run, stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEMATTER_ENVIRONMENT", "production")
    assert run("clock", "+1d", "--json").exit_code == 2
    assert not (stack / "clock").exists()


@pytest.mark.parametrize("command", ["up", "down", "status", "demo"])
def test_a_missing_extra_is_named(run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("onematter.local")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onematter.local.stack", None)
    monkeypatch.setitem(sys.modules, "onematter.local.demo", None)
    result = run(command)
    assert result.exit_code == 2
    assert 'pip install "onematter[services,local]"' in result.stderr


@pytest.mark.parametrize("command", ["down", "status", "clock"])
def test_no_stack_is_4(run: Run, command: str) -> None:
    assert run(command, "--json").exit_code == 4


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_ONEMATTER_COMPLETE" in result.stdout


def test_every_command_has_help(run: Run) -> None:
    assert "Exit codes" in run("--help").stdout
    for name in cli.commands:
        assert run(name, "--help").exit_code == 0, name
