"""The table of deployments and topics keeps its rules, and a table that breaks one is refused with the line's name."""

from __future__ import annotations

import copy
import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from onematter.common.v1.actor_pb2 import Level
from onematter.contracts.topics import INTAKE_COMMANDS, MATTER_EVENTS, SUBMISSIONS, TopicTable, parse

NAME = re.compile(
    r"onematter\.(?P<area>[a-z]+)(\.(?P<room>[a-z0-9-]+))?\.(?P<kind>submissions|commands|events|dead-letters)\.v(?P<version>\d+)"
)
KINDS = ("submissions", "commands", "events", "dead-letters")


def document() -> dict[str, Any]:
    return tomllib.loads(files("onematter.contracts").joinpath("topics.toml").read_text(encoding="utf-8"))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> TopicTable:
    monkeypatch.delenv("ONEMATTER_PARTITIONS", raising=False)
    return parse(document())


def test_names_say_area_room_kind_and_version(table: TopicTable) -> None:
    assert {SUBMISSIONS, INTAKE_COMMANDS, MATTER_EVENTS} <= set(table.topics)
    for topic in table.topics.values():
        named = NAME.fullmatch(topic.name)
        assert named, topic.name
        assert named["kind"] == topic.kind
        # Kafka's own limit.
        assert len(topic.name) <= 249
        owner = table.deployments[topic.owner]
        if named["room"]:
            assert owner.name == f"{named['area']}-{named['room']}"
        else:
            # What intake tells is told of the matter.
            assert named["area"] == ("matter" if topic.name == MATTER_EVENTS else owner.service)


def test_no_line_stands_twice_and_no_two_names_share_a_metric() -> None:
    """Kafka's metrics make `_` of `.`; a name with both collides."""
    lines = document()
    names = [topic["name"] for topic in lines["topic"]]
    assert len(names) == len(set(names))
    assert len({name.replace(".", "_") for name in names}) == len(names)
    assert not [name for name in names if "_" in name]
    deployments = [deployment["name"] for deployment in lines["deployment"]]
    assert len(deployments) == len(set(deployments))


def test_every_topic_has_the_same_partitions_for_ever() -> None:
    lines = document()
    assert set(lines) == {"defaults", "deployment", "topic"}
    assert not [
        topic["name"] for topic in lines["topic"] if set(topic) - {"name", "kind", "owner", "writers", "readers"}
    ]


def test_records_are_kept_for_ever_and_timed_by_the_broker(table: TopicTable) -> None:
    assert table.config == {
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "1048576",
    }
    assert table.max_message_bytes == 1048576


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"retention_ms": 604_800_000}, "retention_ms is 604800000; records are kept for ever"),
        # Tiered storage is about disks: what is dropped in all is dropped there too.
        ({"retention_ms": 604_800_000, "remote_storage": True}, "retention_ms is 604800000; records are kept for ever"),
        ({"cleanup_policy": "compact"}, "cleanup_policy is compact"),
        ({"cleanup_policy": "compact,delete"}, "cleanup_policy is compact,delete"),
        ({"local_retention_ms": 604_800_000}, "local_retention_ms without remote_storage"),
        ({"local_retention_ms": -2, "remote_storage": True}, "local_retention_ms is -2"),
    ],
)
def test_a_table_that_drops_records_is_refused(changes: dict[str, Any], says: str) -> None:
    lines = document()
    lines["defaults"] |= changes
    with pytest.raises(ValueError, match=says):
        parse(lines)


def test_tiered_storage_keeps_less_on_disks_and_all_in_total() -> None:
    lines = document()
    lines["defaults"] |= {"remote_storage": True, "local_retention_ms": 604_800_000}
    config = parse(lines).config
    assert (config["retention.ms"], config["retention.bytes"]) == ("-1", "-1")
    assert (config["remote.storage.enable"], config["local.retention.ms"]) == ("true", "604800000")


def test_what_is_written_is_read_and_only_its_owner_acts_on_a_command(table: TopicTable) -> None:
    for topic in table.topics.values():
        assert topic.kind in KINDS
        if topic.kind in ("commands", "submissions"):
            acting = set(topic.readers) - {"archive"}
            assert acting == {topic.owner}, topic.name
            assert topic.writers, topic.name
        if topic.kind == "events":
            assert set(topic.readers) - {topic.owner}, topic.name
            assert not topic.writers, topic.name


def test_a_commands_topic_has_one_owner_and_an_approval_one_of_each(table: TopicTable) -> None:
    for deployment in table.deployments.values():
        assert len(table.owned_by(deployment.name, "commands")) <= 1
        if deployment.service == "approval":
            place = deployment.name.replace("-", ".", 1)
            assert table.commands_topic(deployment.name) == f"onematter.{place}.commands.v1"
            assert table.events_topic(deployment.name) in table.inputs("intake")
            assert table.commands_topic(deployment.name) in table.inputs(deployment.name)


def test_the_archive_reads_all_events_that_a_matter_consists_of(table: TopicTable) -> None:
    events = {topic.name for topic in table.topics.values() if topic.kind == "events" and topic.owner != "archive"}
    assert set(table.inputs("archive")) == events


def test_a_commands_topic_is_consumed_by_its_owner_alone(table: TopicTable) -> None:
    for topic in table.topics.values():
        if topic.kind in ("commands", "submissions"):
            assert topic.readers == (topic.owner,), topic.name


def test_every_service_with_inputs_has_its_dead_letters(table: TopicTable) -> None:
    for deployment in table.deployments.values():
        if deployment.service == "supervision":
            continue
        name = table.dead_letters(deployment.service)
        assert name == f"onematter.{deployment.service}.dead-letters.v1"
        dead = table.topics[name]
        assert deployment.name in {dead.owner, *dead.writers}


def test_schemas_are_plain_names_of_their_own(table: TopicTable) -> None:
    schemas = [deployment.schema for deployment in table.deployments.values()]
    assert len(schemas) == len(set(schemas))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,62}", schema) for schema in schemas)


def with_centre(lines: dict[str, Any], name: str, level: str, division: str) -> dict[str, Any]:
    """The table with one more approval deployment, for a division, and its topics."""
    lines = copy.deepcopy(lines)
    lines["deployment"].append({"name": name, "service": "approval", "level": level, "division": division})
    for kind, readers in (("commands", [name, "archive"]), ("events", ["intake", "archive"])):
        topic = f"onematter.{name.replace('-', '.', 1)}.{kind}.v1"
        lines["topic"].append({"name": topic, "kind": kind, "owner": name, "readers": readers})
    return lines


def test_a_level_without_a_centre_goes_to_the_levels_deployment(table: TopicTable) -> None:
    for level, room in ((Level.LEVEL_PROVINCE, "province"), (Level.LEVEL_CITY, "city"), (Level.LEVEL_COUNTY, "county")):
        where = table.destination(level, "330106")
        assert where.deployment == f"approval-{room}"
        assert where.commands_topic == f"onematter.approval.{room}.commands.v1"
        assert where.events_topic == f"onematter.approval.{room}.events.v1"
    with pytest.raises(LookupError, match=r"LEVEL_NATIONAL.*topics\.toml"):
        table.destination(Level.LEVEL_NATIONAL, "000000")


def test_the_longest_division_wins_whatever_the_order() -> None:
    lines = with_centre(document(), "approval-hangzhou", "COUNTY", "330100")
    lines = with_centre(lines, "approval-zhejiang", "COUNTY", "330000")
    for order in (lines["deployment"], lines["deployment"][::-1]):
        table = parse({**lines, "deployment": order})
        assert table.destination(Level.LEVEL_COUNTY, "330106").deployment == "approval-hangzhou"
        assert table.destination(Level.LEVEL_COUNTY, "330206").deployment == "approval-zhejiang"
        assert table.destination(Level.LEVEL_COUNTY, "320106").deployment == "approval-county"
        assert table.destination(Level.LEVEL_CITY, "330100").deployment == "approval-city"


@pytest.mark.parametrize(
    ("level", "centre", "neighbour"),
    [
        ("COUNTY", "330110", "330112"),
        ("CITY", "331000", "331100"),
        ("COUNTY", "331000", "331102"),
        ("PROVINCE", "330000", "340000"),
    ],
)
def test_a_zero_of_a_code_is_a_digit_like_another(level: str, centre: str, neighbour: str) -> None:
    """余杭区 330110 has nothing of 临安区 330112, nor 台州市 331000 of 丽水市 331100."""
    table = parse(with_centre(document(), "approval-centre", level, centre))
    assert table.destination(Level.Value(f"LEVEL_{level}"), centre).deployment == "approval-centre"
    assert table.destination(Level.Value(f"LEVEL_{level}"), neighbour).deployment == f"approval-{level.lower()}"


def test_the_number_of_partitions_can_be_set(monkeypatch: pytest.MonkeyPatch, table: TopicTable) -> None:
    assert table.partitions == 4
    monkeypatch.setenv("ONEMATTER_PARTITIONS", "12")
    assert parse(document()).partitions == 12


def line(lines: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [topic for topic in lines["topic"] if topic["name"] == name]
    return found


def unknown_owner(lines: dict[str, Any]) -> None:
    line(lines, MATTER_EVENTS)["owner"] = "nobody"


def unknown_reader(lines: dict[str, Any]) -> None:
    line(lines, MATTER_EVENTS)["readers"].append("nobody")


def unknown_writer(lines: dict[str, Any]) -> None:
    line(lines, INTAKE_COMMANDS)["writers"].append("nobody")


def owner_does_not_read(lines: dict[str, Any]) -> None:
    line(lines, SUBMISSIONS)["readers"] = ["archive"]


def strange_writer_of_events(lines: dict[str, Any]) -> None:
    line(lines, MATTER_EVENTS)["writers"] = ["clients"]


def two_commands_topics(lines: dict[str, Any]) -> None:
    line(lines, "onematter.approval.city.commands.v1").update(owner="approval-county", readers=["approval-county"])


def approval_without_events(lines: dict[str, Any]) -> None:
    lines["topic"].remove(line(lines, "onematter.approval.city.events.v1"))


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (unknown_owner, r"onematter\.matter\.events\.v1: unknown deployment \['nobody'\]"),
        (unknown_reader, r"onematter\.matter\.events\.v1: unknown deployment \['nobody'\]"),
        (unknown_writer, r"onematter\.intake\.commands\.v1: unknown deployment \['nobody'\]"),
        (owner_does_not_read, r"onematter\.intake\.submissions\.v1: its owner intake must be among its readers"),
        (strange_writer_of_events, r"onematter\.matter\.events\.v1: events are written by their owner alone"),
        (two_commands_topics, r"approval-c\w+: needs exactly one commands topic, has [02]"),
        (approval_without_events, r"approval-city: needs exactly one events topic, has 0"),
    ],
)
def test_a_table_that_breaks_a_rule_is_refused(breaks: Any, named: str) -> None:
    lines = document()
    parse(lines)
    breaks(lines)
    with pytest.raises(ValueError, match=named):
        parse(lines)
