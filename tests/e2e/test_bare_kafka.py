"""A record made by kafka-python and the contracts alone becomes a completed matter."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys

from tests.live import MATTER_EVENTS, RECORD_EVENTS, SUBMISSIONS, Live

from onematter.client.examples import bare_kafka

PROCESS_SECONDS = 180


def test_the_script_uses_nothing_of_ours_but_the_contracts() -> None:
    tree = ast.parse(inspect.getsource(bare_kafka))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    ours = {name for name in imported if name.startswith("onematter")}
    assert ours
    assert all(name.endswith("_pb2") for name in ours)
    assert not {name.partition(".")[0] for name in imported - ours} - {*sys.stdlib_module_names, "kafka"}


def test_the_script_hands_in_a_matter_that_completes(live: Live) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "onematter.client.examples.bare_kafka", live.servers],
        env={name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"},
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    matter_id = lines[0].split()[1]
    assert lines[0].startswith(f"matter {matter_id} written to {SUBMISSIONS}/")
    assert lines[1:] == ["matter_accepted", "matter_completed"]
    live.completes(matter_id)
    assert [e.WhichOneof("event") for e in live.events(MATTER_EVENTS, matter_id)] == lines[1:]
    live.event(RECORD_EVENTS, matter_id, "matter_sealed")


def test_the_script_says_when_its_matter_is_refused(live: Live) -> None:
    code = (
        "import sys; from onematter.client.examples import bare_kafka as script; good = script.submission\n"
        "def bad(request_id):\n"
        "    command = good(request_id); command.submit_matter.matter_code = 'OM-99'; return command\n"
        "script.submission = bad; sys.exit(script.main(sys.argv[1]) != 'matter_completed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, live.servers],
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[1:]) == (1, ["command_refused"]), done.stderr
