"""The parts of the suite hold every test once, and whatever goes wrong in one is told; so is what came of all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from tests import suite
from tests.suite import LINT, PARTS, PLANS, ROOT, Suite
from tests.tail import poll

from onematter.local.ports import FIRST_PORT, LAST_PORT
from onematter.local.processes import Identity

SECONDS = 30.0
JUNIT = """<testsuites><testsuite tests="{tests}" failures="{failures}" errors="0" skipped="{skipped}" time="1.5">
<properties><property name="PostgreSQL" value="18"/></properties>
<testcase classname="a" name="b" time="1">{case}</testcase></testsuite></testsuites>"""


def test_each_path_is_there_and_named_once() -> None:
    named = [path for paths in PARTS.values() for path in paths]
    assert not [path for path in named if not (ROOT / path).exists()]
    assert len(set(named)) == len(named)


def test_each_part_is_in_one_plan() -> None:
    planned = [part for plan in PLANS.values() for row in plan for part in row]
    assert sorted(planned) == sorted([LINT, *PARTS])


@pytest.mark.parametrize("given", [{"DATABASE_URL": "x"}, {"KAFKA_BOOTSTRAP_SERVERS": "x"}])
def test_on_a_given_broker_or_database_the_parts_run_one_after_the_other(given: dict[str, str]) -> None:
    (row,) = suite.plan_of("test", given)
    assert sorted(row) == sorted(part for parts in suite.plan_of("test", {}) for part in parts)
    assert len(suite.plan_of("test", {})) > 1


def test_every_module_of_tests_is_of_one_part_by_its_nearest_path() -> None:
    taken = [module for part in PARTS for module in suite.modules(part)]
    assert sorted(taken) == sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))
    for module, part in {
        "tests/unit/test_suite.py": "rules",
        "tests/faults/test_rounds.py": "rules",
        "tests/integration/test_local_maven.py": "rules",
        "tests/integration/test_doors.py": "product",
        "tests/integration/test_acls.py": "stacks",
        "tests/faults/plays/test_faults.py": "faults",
    }.items():
        assert module in suite.command(part)


def test_no_port_is_of_two_rows() -> None:
    ranges = [tuple(map(int, suite.ports(number, 3).split("-"))) for number in range(3)]
    assert ranges[0][0] == FIRST_PORT
    assert ranges[2][1] <= LAST_PORT
    assert all(one[1] < other[0] for one, other in pairwise(ranges))


def ended(file: Path) -> bool:
    """Whether the process does not run any more whose id stands in the file."""
    return Identity.of(int(file.read_text())) is None


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What each part runs instead of pytest."""
    lines: dict[str, str] = {}
    monkeypatch.setattr(suite, "BUILD", tmp_path)
    monkeypatch.setattr(suite, "command", lambda part: ("/bin/sh", "-c", lines[part]))
    return lines


def test_what_fails_is_told_and_the_others_go_on(
    shell: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shell |= {
        "one": "echo one fails; exit 3",
        "two": f"echo two comes after one; touch {tmp_path}/two",
        "three": f"while [ ! -e {tmp_path}/two ]; do sleep 0.01; done; echo three $ONEMATTER_LOCAL_PORTS",
    }
    run = Suite([["one", "two"], ["three"]])
    run.run()
    assert run.failed == ["one"]
    said = capfd.readouterr().out
    assert said.index("one fails") < said.index("two comes after one")
    assert f"three {suite.ports(1, 2)}" in said
    assert "exit code 3" in said


def test_what_a_part_leaves_behind_is_ended(shell: dict[str, str], tmp_path: Path) -> None:
    shell["one"] = f"sleep 300 & echo $! > {tmp_path}/left"
    Suite([["one"]]).run()
    assert ended(tmp_path / "left")


# What runs has a process of its own, as pytest has its servers; `main` is the whole way of Ctrl-C.
MAIN = """
import sys
from pathlib import Path
from tests import suite
suite.BUILD = Path(sys.argv[1])
suite.PLANS = {"all": (("one",), ("two",))}
line = "echo $$ > {0}/{1}; trap 'touch {0}/{1}.ended; exit 1' INT; while :; do sleep 0.05; done"
suite.command = lambda part: ("/bin/sh", "-c", line.format(sys.argv[1], part))
sys.exit(suite.main("all"))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_all_in_order(tmp_path: Path, number: int, code: int) -> None:
    parts = [tmp_path / name for name in ("one", "two")]
    with subprocess.Popen([sys.executable, "-c", MAIN, str(tmp_path)], cwd=ROOT) as process:
        poll(lambda: all(part.exists() and part.read_text() for part in parts), "both run", SECONDS)
        process.send_signal(number)
        assert process.wait(SECONDS) == code
    for part in parts:
        assert part.with_name(f"{part.name}.ended").exists()
        assert ended(part)


def report(environment: Mapping[str, str], *paths: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "report.py", *paths], env={**os.environ, **environment}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Results of two parts; of the second a test failed, another needs a tool."""
    sound, other = tmp_path / "sound.xml", tmp_path / "other.xml"
    sound.write_text(JUNIT.format(tests=4, failures=0, skipped=0, case=""))
    other.write_text(JUNIT.format(tests=3, failures=1, skipped=1, case='<skipped message="needs moon"/>'))
    return [sound, other]


def test_the_report_sums_up_and_names_the_real_parts(files: list[Path]) -> None:
    code, lines = report({"CI": "false"}, *files)
    assert code == 0
    assert lines[0] == "sound: 4 passed in 1.50s"
    assert "ran on: PostgreSQL 18" in lines
    assert "not run: a::b: needs moon" in lines
    assert lines[-1].strip("= ") == "1 failed, 5 passed, 1 skipped in 3.00s"
    assert lines[-1].startswith("====")


def test_in_ci_a_missing_tool_is_an_error_and_so_is_a_missing_file(files: list[Path]) -> None:
    assert report({"CI": "true"}, files[0])[0] == 0
    assert report({"CI": "true"}, *files)[0] == 1
    code, lines = report({"CI": "false"}, files[0].with_name("absent.xml"))
    assert code == 1
    assert "did not run to its end" in lines[0]
    assert "no tests ran" in lines[-1]
