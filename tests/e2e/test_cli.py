"""The command line against the running product: from the hand-in to the receipt, with its exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.live import DIVISIONS, LEVELS, RECORD_EVENTS, TASK_EVENTS, Live

PROCESS_SECONDS = 120
DEPARTMENT = "government_services"


class Cli:
    """`onematter`, as a stranger runs it: addresses from the environment."""

    def __init__(self, live: Live, directory: Path) -> None:
        services = live.stack.addresses.services
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ONEMATTER_", "LC_"))},
            **{f"ONEMATTER_{n.upper().replace('-', '_')}": a.grpc for n, a in services.items() if a.grpc},
            "ONEMATTER_PRINCIPAL": live.principal,
            "LANG": "en_US.UTF-8",
        }
        self._directory = directory

    def run(self, *arguments: str, given: str = "", environment: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        done = subprocess.run(
            [sys.executable, "-m", "onematter.client", *arguments],
            input=given,
            env=self.environment | (environment or {}),
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=PROCESS_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments: str, given: str = "", code: int = 0) -> Any:
        """The one document that --json prints."""
        found, out, error = self.run(*arguments, "--json", given=given)
        assert found == code, out + error
        return json.loads(out)


@pytest.fixture
def cli(live: Live, tmp_path: Path) -> Cli:
    return Cli(live, tmp_path)


def submission(form: Path, amount: float, **more: object) -> str:
    document = {
        "matter_code": "OM-90",
        "division": DIVISIONS["county"],
        "channel": "window",
        "facts": {"amount": amount},
        "materials": [{"material_id": "form", "path": form.name}],
        **more,
    }
    return json.dumps(document)


def test_from_the_hand_in_to_the_receipt(live: Live, cli: Cli, tmp_path: Path) -> None:
    form = tmp_path / "form.pdf"
    form.write_bytes(b"%PDF-1.7 " + live.new_id().encode())
    (tmp_path / "submission.json").write_text(submission(form, 2_000_000), encoding="utf-8")
    handed_in = cli.json("submit", "submission.json")
    matter_id = handed_in["matter_id"]
    assert len(handed_in["matter_number"]) == 24
    assert handed_in["principal"] == live.principal
    for level in LEVELS:
        live.event(TASK_EVENTS[level], matter_id, "task_opened")
    code, out, _ = cli.run("progress", matter_id)
    assert code == 0
    assert handed_in["matter_number"] in out

    inbox = cli.json("inbox", "--level", "city", "--department", DEPARTMENT, "--page-size", "500")
    assert matter_id in {task["matter_id"] for task in inbox["tasks"]}
    claimed = cli.json("claim", matter_id, "02", "--department", DEPARTMENT)
    assert claimed["deployment"] == "approval-city"
    another = cli.json("claim", matter_id, "02", "--department", DEPARTMENT, "--as", "somebody-else", code=1)
    assert another["error"]["violations"][0]["reason"] == "TASK_CLAIMED_BY_ANOTHER"
    wrong = cli.json("decide", matter_id, "02", "--grant", "--opinion", "符合要求", "--department", "forestry", code=1)
    (violation,) = wrong["error"]["violations"]
    assert (violation["field"], violation["reason"]) == ("actor.department", "WRONG_DEPARTMENT")
    assert violation["rule"]
    assert violation["way_out"]

    unsealed = cli.json("verify", matter_id, code=1)
    assert unsealed["error"]["code"] == "verification_failed"
    for level in LEVELS:
        item = live.item_at(level)
        cli.json("decide", matter_id, item, "--grant", "--opinion", "符合要求", "--department", DEPARTMENT)
    watched = cli.json("progress", matter_id, "--watch")
    assert watched["status"] == "MATTER_STATUS_COMPLETED"
    assert watched["outcome"] == "MATTER_OUTCOME_GRANTED"
    assert watched["visits"] == 1

    seal = live.event(RECORD_EVENTS, matter_id, "matter_sealed").matter_sealed.seal
    verified = cli.json("verify", matter_id)
    assert (verified["verified"], verified["root"]) == (True, seal.root.hex())
    written = cli.json("case", matter_id, "--output", "case.json")
    assert written["records"] >= seal.leaf_count
    assert cli.run("verify", "--file", "case.json")[0] == 0

    document = json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))
    # Another byte in any record under the seal is seen.
    first = document["case_file"]["records"][0]
    first["value"] = first["value"][:-4] + ("AAAA" if first["value"][-4:] != "AAAA" else "BBBB")
    (tmp_path / "changed.json").write_text(json.dumps(document), encoding="utf-8")
    changed = cli.json("verify", "--file", "changed.json", code=1)
    assert changed["verified"] is False
    assert changed["difference"]

    digest = hashlib.sha256(form.read_bytes()).hexdigest()
    again = submission(
        form,
        2_000_000,
        request_id=handed_in["request_id"],
        materials=[
            {
                "material_id": "form",
                "sha256": digest,
                "size_bytes": form.stat().st_size,
                "media_type": "application/pdf",
            }
        ],
    )
    assert cli.json("submit", "-", given=again)["matter_id"] == matter_id


def test_what_is_wrong_is_told_with_its_exit_code(live: Live, cli: Cli, tmp_path: Path) -> None:
    refused = cli.json("submit", "-", given=submission(tmp_path / "form.pdf", -1, materials=[]), code=1)
    told = {(violation["field"], violation["reason"]) for violation in refused["error"]["violations"]}
    assert told == {
        ("application.facts[amount]", "FACT_MALFORMED"),
        ("application.materials[form]", "MATERIAL_MISSING"),
    }
    assert cli.json("submit", "-", given="{", code=2)["error"]["code"] == "invalid"
    assert cli.json("progress", "0" * 32, code=4)["error"]["code"] == "not_found"
    assert cli.json("progress", "no id", code=2)["error"]["code"] == "invalid"
    assert cli.run("inbox", "--level", "moon")[0] == 2
    code, out, error = cli.run("progress", "0" * 32, environment={"ONEMATTER_INTAKE": "127.0.0.1:1"})
    assert (code, out) == (3, "")
    assert error
    waiting = live.open_matter()
    code, *_ = cli.run("--deadline", "0.5", "progress", waiting, "--watch")
    assert code == 5


def test_the_catalogue_and_the_help_answer(cli: Cli) -> None:
    codes = {one["matter_code"] for one in cli.json("catalogue")["matter_types"]}
    assert {"OM-09", "OM-17", "OM-90"} <= codes
    code, out, _ = cli.run("catalogue", "OM-17", "--lang", "zh-CN")
    assert code == 0
    assert "工业项目落地" in out
    code, out, _ = cli.run("--help")
    assert code == 0
    assert "onematter submit submission.json" in out
