"""The operator's commands against the running product: dead letters, why a matter stands, and trying again."""

from __future__ import annotations

import json
import os
import pty
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cli import DEPARTMENT, Cli
from tests.live import LEVELS, RECORD_EVENTS, SUBMISSIONS, Live, outside
from tests.tail import poll

from onematter.intake.v1.intake_commands_pb2 import IntakeCommand

UNKNOWN = b"\x9a\x06\x02\x08\x01"
ANSWER_SECONDS = 60.0


@pytest.fixture
def cli(live: Live, tmp_path: Path) -> Cli:
    return Cli(live, tmp_path)


def parked_hand_in(live: Live, cli: Cli) -> tuple[str, str, bytes]:
    """A matter whose hand-in is of a later version, the place of its dead letter, and its bytes."""
    key = live.hand_in().matter_id
    later = IntakeCommand(request_id=live.new_id(), matter_id=key).SerializeToString()
    live.write(SUBMISSIONS, later + UNKNOWN, key.encode(), outside("later"))

    def listed() -> Any:
        return cli.json("dead-letters", "list", "--matter", key)["dead_letters"]

    (letter,) = poll(listed, "the dead letter in the list")
    return key, letter["place"], later + UNKNOWN


def test_a_dead_letter_is_listed_shown_replayed_given_up_and_all_of_it_is_in_the_log(
    live: Live, cli: Cli, tmp_path: Path
) -> None:
    key, place, value = parked_hand_in(live, cli)
    shown = cli.json("dead-letters", "show", place)
    assert (shown["deployment"], shown["status"], shown["matter_id"]) == ("intake", "parked", key)
    assert shown["content"]["matter_id"] == key
    assert shown["message"] == "onematter.intake.v1.IntakeCommand"
    code, out, _ = cli.run("dead-letters", "list", "--lang", "zh-CN")
    assert code == 0
    assert f"intake  {place}  等待（首条）\n" in out

    sent = ("--reason", "版本已更新", "--yes", "--as", "ops-1")
    replayed = cli.json("dead-letters", "replay", place, *sent, code=1)
    assert (replayed["status"], replayed["outcome"]["still_parked"]) == ("stopped", 1)
    assert replayed["outcome"]["stopped_reason"].startswith("unknown type")
    tried = cli.json("matter", "retry", key, *sent, code=1)
    assert [one["status"] for one in tried["tried"]] == ["stopped"]
    assert cli.run("dead-letters", "drop", place, "--reason", "r")[0] == 2, "nobody can be asked"

    cli.run("dead-letters", "show", place, "--raw", "bytes.bin", "--reason", "which version?", "--as", "ops-1")
    assert (tmp_path / "bytes.bin").read_bytes() == value
    dropped = cli.json("dead-letters", "drop", place, *sent, "--request-id", f"drop-{key}")
    assert (dropped["status"], dropped["outcome"]["dropped"]) == ("done", True)
    again = cli.json("dead-letters", "drop", place, *sent, "--request-id", f"drop-{key}")
    assert again == dropped, "the same request has the same outcome"
    gone = cli.json("dead-letters", "drop", place, *sent, code=1)
    assert gone["error"]["violations"][0]["parameters"]["became"] == "dropped"
    assert cli.json("dead-letters", "list", "--matter", key)["dead_letters"] == []

    log = cli.json("dead-letters", "log", "--matter", key)["operations"]
    assert [(one["kind"], one["status"]) for one in log] == [
        ("drop", "done"), ("read", "done"), ("replay", "stopped"), ("replay", "stopped"),
    ]  # fmt: skip
    assert {one["actor"]["principal"] for one in log} == {"ops-1"}
    assert log[0]["reason"] == "版本已更新"


def test_a_change_asks_on_a_terminal(live: Live, cli: Cli) -> None:
    key, place, _ = parked_hand_in(live, cli)
    drop = ("dead-letters", "drop", place, "--reason", "r")
    assert on_terminal(cli, *drop, answer="n\n")[0] == 130
    assert len(cli.json("dead-letters", "list", "--matter", key)["dead_letters"]) == 1
    code, out = on_terminal(cli, *drop, answer="y\n")
    assert code == 0
    assert "[y/N]" in out
    assert cli.json("dead-letters", "list", "--matter", key)["dead_letters"] == []


def on_terminal(cli: Cli, *arguments: str, answer: str) -> tuple[int, str]:
    """Exit code and output of the command on a terminal of its own, where somebody gives the answer."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "onematter.client", *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=cli.environment, close_fds=True,
        )  # fmt: skip
        os.close(theirs)
        out, answered, until = b"", False, time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    chunk = os.read(ours, 4096)
                except OSError:
                    # The other end is closed: the command has ended.
                    break
                out += chunk
            if b"[y/N]" in out and not answered:
                os.write(ours, answer.encode())
                answered = True
        return process.wait(timeout=ANSWER_SECONDS), out.decode()
    finally:
        os.close(ours)


def explained(cli: Cli, matter_id: str) -> dict[tuple[str, str], Any]:
    """The findings by code and item."""
    return {(one["code"], one["item_id"]): one for one in findings(cli, matter_id)}


def shows(cli: Cli, matter_id: str, *wanted: tuple[str, str]) -> dict[tuple[str, str], Any]:
    """The findings when all that are wanted are among them."""
    found: dict[tuple[str, str], Any] = {}

    def all_there() -> bool:
        found.clear()
        found.update(explained(cli, matter_id))
        return set(wanted) <= set(found)

    poll(all_there, f"{wanted} in the explanation of {matter_id}")
    return found


def findings(cli: Cli, matter_id: str) -> list[Any]:
    """All of them."""
    return cli.json("matter", "explain", matter_id)["findings"]


def test_a_matter_is_explained_from_its_offices_to_its_seal(live: Live, cli: Cli) -> None:
    matter_id = live.open_matter()
    waits = shows(cli, matter_id, *(("ITEM_IN_INBOX", live.item_at(level)) for level in LEVELS))
    inbox = waits["ITEM_IN_INBOX", live.item_at("city")]
    assert inbox["facts"]["deployment"] == "approval-city"
    assert inbox["facts"]["department"] == DEPARTMENT
    assert inbox["facts"]["until"] >= inbox["facts"]["since"][:10]
    assert inbox["next"]["who"] == "office"
    refused = cli.json("matter", "retry", matter_id, "--reason", "r", "--yes", code=1)
    assert [one["reason"] for one in refused["error"]["violations"]] == ["NOTHING_TO_RETRY"]
    assert {"01", "02", "03"} <= {one["item_id"] for one in refused["error"]["waits_for"]}

    cli.json("claim", matter_id, live.item_at("city"), "--department", DEPARTMENT, "--as", "official-city")
    claimed = explained(cli, matter_id)["ITEM_CLAIMED", live.item_at("city")]
    assert claimed["facts"]["claimed_by"] == "official-city"
    code, out, _ = cli.run("matter", "explain", matter_id, "--lang", "zh-CN")
    assert code == 0
    assert "已签收" in out

    for level in LEVELS:
        live.decide(level, live.decision(level, matter_id, live.item_at(level)))
    live.event(RECORD_EVENTS, matter_id, "matter_sealed")
    told = shows(cli, matter_id, ("SEALED", ""))
    assert told["ENDED", ""]["facts"]["outcome"] == "GRANTED"
    assert told["ITEM_ENDED", "02"]["facts"]["outcome"] == "GRANTED"
    assert cli.json("matter", "explain", "f" * 32, code=4)["error"]["code"] == "not_found"


@contextmanager
def nobody_writes(file: Path) -> Iterator[None]:
    """Hold the notices' file, so that the channel cannot take any."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def test_a_notice_that_was_not_delivered_is_explained_and_delivered_at_once(live: Live, cli: Cli) -> None:
    file = live.directory / "data" / "notification" / "notices.db"
    with nobody_writes(file):
        matter_id = live.open_matter()

        def delayed() -> Any:
            return [one for one in findings(cli, matter_id) if one["code"] == "NOTICE_NOT_DELIVERED"]

        def tried_often() -> Any:
            return [one for one in delayed() if one["facts"]["attempts"] > 2]

        finding = poll(tried_often, "a notice that was tried three times")[0]
        notice_id = finding["facts"]["notice_id"]
        # While nobody can take it, so that it still waits when it is asked for.
        tried = cli.json("matter", "retry", matter_id, "--reason", "the channel is back", "--yes")
    (one,) = [each for each in tried["tried"] if each["deployment"] == "notification"]
    assert (one["status"], notice_id in one["outcome"]["tried_again"]) == ("done", True)
    poll(lambda: not delayed(), "every notice delivered")
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT document FROM notices").fetchall()
    assert [json.loads(row[0])["notice_id"] for row in rows].count(notice_id) == 1
