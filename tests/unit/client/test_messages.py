"""What plain Python values become on the wire."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from kafka.partitioner.default import murmur2 as independent_murmur2

from onematter.backbone.catalogue_files import load_catalogue
from onematter.client import (
    Invalid,
    MaterialFile,
    MaterialInput,
    Need,
    OneMatter,
    PartyInput,
    Refused,
    handling,
    submission,
)
from onematter.client.examples import bare_kafka
from onematter.client.messages import (
    FactInput,
    actor_of,
    application_of,
    claim_command,
    decide_command,
    fact_of,
    headers_of,
    material_of,
    submit_command,
    value_of,
    visit_command,
    withdraw_command,
)
from onematter.client.publisher import partition_key
from onematter.common.v1.actor_pb2 import Channel
from onematter.common.v1.application_pb2 import Fact, IdentifierKind, PartyRole, PersonalData, TextList
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason, Violation
from onematter.intake.checks import check_submission
from onematter.intake.plans import Plans

EXAMPLES = ("om-09", "om-17", "om-90")
ID = "0" * 32
ACTOR = actor_of("acme", "system")


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        (True, Fact(flag=True)),
        (False, Fact(flag=False)),
        ("a", Fact(text="a")),
        ("", Fact(text="")),
        (5, Fact(number=5)),
        (0.5, Fact(number=0.5)),
        (["a", "b"], Fact(list=TextList(values=["a", "b"]))),
        ((), Fact(list=TextList())),
    ],
)
def test_facts(given: FactInput, fact: Fact) -> None:
    assert fact_of("k", given) == fact
    assert fact_of("k", given).WhichOneof("kind") == fact.WhichOneof("kind")


@pytest.mark.parametrize("given", [None, {}, [1], b"x", 10**400])
def test_other_facts_are_invalid(given: Any) -> None:
    with pytest.raises(Invalid, match=r"facts\[k\]"):
        fact_of("k", given)


def test_a_material_is_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "site_plan.png"
    path.write_bytes(b"x" * 3_000_000)
    made = material_of(str(path))
    assert made.digest == hashlib.sha256(b"x" * 3_000_000).digest()
    assert (made.material_id, made.size_bytes, made.media_type) == ("site_plan", 3_000_000, "image/png")
    named = material_of(MaterialFile(path, "other", "application/pdf", "C"))
    assert (named.material_id, named.media_type, named.trust_class) == ("other", "application/pdf", 3)
    elsewhere = material_of(MaterialInput("m", bytes(32), 7, "a/b"))
    assert (elsewhere.material_id, elsewhere.digest, elsewhere.size_bytes) == ("m", bytes(32), 7)
    with pytest.raises(Invalid, match=r"materials\[absent\]"):
        material_of(tmp_path / "absent.pdf")
    (tmp_path / "plan.pdf").touch()
    with pytest.raises(Invalid, match=r"materials\[plan\].*empty; give"):
        material_of(tmp_path / "plan.pdf")


def test_personal_data_stand_inside_sealed_alone() -> None:
    party = PartyInput("张三", "id_card", "330106199003071236", "13800000000", role="subject")
    application = application_of({}, [], [PartyInput("公司"), party])
    assert [(p.party_id, p.role) for p in application.parties] == [
        ("p1", PartyRole.PARTY_ROLE_APPLICANT),
        ("p2", PartyRole.PARTY_ROLE_SUBJECT),
    ]
    details = PersonalData.FromString(application.personal_data.plain).parties[1]
    assert (details.party_id, details.name, details.identifier) == ("p2", "张三", "330106199003071236")
    assert details.identifier_kind == IdentifierKind.IDENTIFIER_KIND_ID_CARD
    application.ClearField("personal_data")
    assert "张三".encode() not in application.SerializeToString()
    assert "张三" not in repr(party)
    assert "3301" not in repr(party)


def test_a_wrong_party_is_named_by_its_place_in_the_list() -> None:
    with pytest.raises(Invalid, match=r"parties\[1\]\.role: no such value; give one of applicant"):
        application_of({}, [], [PartyInput("张三"), PartyInput("李四", role="boss")])


def test_the_same_request_is_the_same_bytes() -> None:
    def made(facts: dict[str, FactInput]) -> bytes:
        application = application_of(facts, [], [PartyInput("a")])
        return value_of(submit_command(ACTOR, "r", "OM-90", "330106", application, channel="system"))

    facts: dict[str, FactInput] = {f"fact_{n}": n for n in range(50)}
    assert made(facts) == made(dict(reversed(facts.items())))


def test_headers_are_cloudevents() -> None:
    command = decide_command(actor_of("a b/ü", "system"), "r1", ID, "01", True, "ok")
    told = dict(headers_of(command, 1_700_000_000_123))
    assert told == {
        "ce_specversion": b"1.0",
        "ce_id": b"r1",
        "ce_source": b"/clients/a%20b%2F%C3%BC",
        "ce_type": b"onematter.approval.v1.DecideTask",
        "ce_time": b"2023-11-14T22:13:20.123Z",
        "content-type": b"application/protobuf",
    }


def test_every_command_names_its_type() -> None:
    commands = [
        submit_command(ACTOR, "r", "OM-90", "330106", application_of({}, [], []), channel=9),
        withdraw_command(ACTOR, "r", ID, ""),
        visit_command(ACTOR, "r", ID, ""),
        claim_command(ACTOR, "r", ID, "01"),
    ]
    types = [dict(headers_of(c, 0))["ce_type"].rpartition(b".")[2] for c in commands]
    assert types == [b"SubmitMatter", b"WithdrawMatter", b"RecordVisit", b"ClaimTask"]
    correction = handling.request_correction_command(ACTOR, "r", ID, "01", [Need("form", "not signed")])
    assert dict(headers_of(correction, 0))["ce_type"] == b"onematter.approval.v1.RequestCorrection"
    assert commands[0].submit_matter.channel == Channel.CHANNEL_SYSTEM  # type: ignore[union-attr]


@pytest.mark.parametrize("given", ["", "1", "g" * 32, "0" * 33, "0" * 31 + "\n"])
def test_an_id_is_32_hexadecimal_digits(given: str) -> None:
    with pytest.raises(Invalid, match="matter_id"):
        withdraw_command(ACTOR, "r", given, "")


def test_partitions_are_kafkas_own() -> None:
    for n in range(200):
        key = hashlib.sha256(bytes([n])).hexdigest()[:32].encode()
        assert partition_key(key, [3, 0, 2, 1]) == (independent_murmur2(key) & 0x7FFFFFFF) % 4


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_accepted_by_the_catalogue(name: str) -> None:
    text = files("onematter.client.examples").joinpath(f"{name}.submission.json").read_text(encoding="utf-8")
    form = submission.read(text, Path())
    application = application_of(form.facts, form.materials, form.parties)
    command = submit_command(ACTOR, "r", form.matter_code, form.division, application, channel=form.channel)
    assert json.loads(text)["matter_code"].lower() == name
    assert accepted(command)


def test_the_bare_kafka_example_is_accepted() -> None:
    command = bare_kafka.submission("r1")
    assert accepted(command)
    told = dict(bare_kafka.headers(command))
    assert {name: told[name] for name in told if name not in ("ce_time", "ce_source")} == {
        name: value for name, value in headers_of(command, 0) if name not in ("ce_time", "ce_source")
    }


def accepted(command: Any) -> bool:
    from onematter.contracts.topics import table

    result = check_submission(command, load_catalogue(), Plans(table()), date(2026, 11, 23))
    return not isinstance(result, CommandRefused)


def test_a_refusal_as_text_names_field_rule_and_way_out() -> None:
    refused = Refused(
        [Violation(field="actor.level", reason=Reason.REASON_WRONG_LEVEL, parameters={"competent": "CITY"})]
    )
    assert "actor.level: Another level is competent: the city. Let that level act" in str(refused)


@pytest.mark.parametrize(
    ("reasons", "exit_code"),
    [
        ([Reason.REASON_MATTER_UNKNOWN], 4),
        ([Reason.REASON_TASK_UNKNOWN], 4),
        ([Reason.REASON_MATTER_UNKNOWN, Reason.REASON_ROLE_NOT_ALLOWED], 1),
        ([], 1),
    ],
)
def test_a_refusal_of_what_is_not_there_ends_as_not_found(reasons: list[Reason], exit_code: int) -> None:
    assert Refused([Violation(field="matter_id", reason=one) for one in reasons]).exit_code == exit_code


def test_a_broker_that_is_away_is_unavailable() -> None:
    # A process of its own: kafka-python leaves a failed bootstrap's sockets to the garbage collector, which warns.
    code = (
        "from onematter.client import OneMatter\n"
        "OneMatter('127.0.0.1:1', principal='acme', timeout_seconds=1).submit('OM-90', '330106')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "onematter.client.errors.Unavailable: Kafka at 127.0.0.1:1" in done.stderr
    assert "check KAFKA_BOOTSTRAP_SERVERS" in done.stderr


@pytest.mark.parametrize("day", ["2026-2-1", "20260201", "2026-02-30", "soon", "2026-02-01T00:00"])
def test_a_day_is_written_as_the_contract_has_it(day: str) -> None:
    with pytest.raises(Invalid, match="valid_until: it is no day; write it as 2026-11-23"):
        handling.china_day(day, "valid_until")
    assert handling.china_day(date(2026, 2, 1), "day") == handling.china_day("2026-02-01", "day") == "2026-02-01"
    assert handling.china_day("", "day") == ""


class Written(OneMatter):
    """A client whose broker is a list."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1", principal="acme", role="official")
        self.topics: list[str] = []
        self.commands: list[Any] = []
        self._publisher = self  # type: ignore[assignment]

    def write(self, topic: str, command: Any) -> int:
        self.topics.append(topic)
        self.commands.append(command)
        return 0


def test_a_command_goes_where_it_belongs() -> None:
    om = Written()
    official = actor_of("li", "official", level="city", division="330100", department="water")
    assert om.send(handling.accept_command(ACTOR, "r1", ID)) == "r1"
    om.send(handling.release_command(official, "r2", ID, "02"))
    om.send(handling.release_command(official, "r3", ID, "02"), commands_topic="elsewhere")
    om.supply(ID, [MaterialInput("form", bytes(32), 1, "application/pdf")], request_id="r4")
    om.decide(
        ID, "02", grant=False, opinion="no", level="city", division="330100", department="water",
        basis=["art. 1"], conditions=[], valid_until="", request_id="r5",
    )  # fmt: skip
    assert om.topics == [
        "onematter.intake.commands.v1",
        "onematter.approval.city.commands.v1",
        "elsewhere",
        "onematter.intake.commands.v1",
        "onematter.approval.city.commands.v1",
    ]
    assert om.commands[3].supply_materials.channel == Channel.CHANNEL_SYSTEM
    assert list(om.commands[4].decide_task.basis) == ["art. 1"]
    hand_in = submit_command(ACTOR, "r", "OM-90", "330106", application_of({}, [], []), channel=9)
    with pytest.raises(Invalid, match="use submit"):
        om.send(hand_in)


def test_following_needs_an_id() -> None:
    with OneMatter("127.0.0.1:1", principal="acme") as om, pytest.raises(Invalid, match="matter_id"):
        om.follow("no id")
