"""What a topic must be like, by the table: the first thing that is wrong is told with the way out."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from onematter.backbone.broker import wrong_partitions, wrong_settings
from onematter.contracts.topics import TopicTable, parse

GOOD = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": "1048576",
    "remote.storage.enable": "false",
    "local.retention.ms": "-2",
}


def table(**defaults: Any) -> TopicTable:
    document = tomllib.loads(files("onematter.contracts").joinpath("topics.toml").read_text(encoding="utf-8"))
    document["defaults"] |= defaults
    return parse(document)


def test_what_the_table_says_is_good_and_so_is_room_for_more() -> None:
    assert wrong_settings("t", GOOD, table()) == ""
    assert wrong_settings("t", {**GOOD, "max.message.bytes": "9999999"}, table()) == ""
    assert wrong_partitions("t", table().partitions, table()) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000000"),
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
        ("message.timestamp.type", "CreateTime"),
        ("max.message.bytes", "1000"),
        ("retention.ms", ""),
    ],
)
def test_whatever_drops_a_record_is_wrong(name: str, value: str) -> None:
    word = wrong_settings("onematter.x.events.v1", {**GOOD, name: value}, table())
    assert word.startswith(f"topic onematter.x.events.v1 has {name}={value}, the table says {GOOD[name]}: ")
    assert word.endswith(f"--entity-name onematter.x.events.v1 --add-config {name}={GOOD[name]}")


def test_tiered_storage_is_what_the_table_says_it_is() -> None:
    tiered = table(remote_storage=True, local_retention_ms=86_400_000)
    there = {**GOOD, "remote.storage.enable": "true", "local.retention.ms": "86400000"}
    assert wrong_settings("t", there, tiered) == ""
    # On disk for as long as in all: more than was planned for, and nothing lost.
    assert wrong_settings("t", {**there, "local.retention.ms": "-2"}, tiered) == ""
    assert "remote.storage.enable=false, the table says true" in wrong_settings("t", GOOD, tiered)
    # A topic that is tiered where the table does not ask for it keeps everything all the same.
    assert wrong_settings("t", there, table()) == ""
    assert "retention.ms=604800000" in wrong_settings("t", {**there, "retention.ms": "604800000"}, tiered)


def test_another_number_of_partitions_is_wrong() -> None:
    assert wrong_partitions("t", table().partitions + 1, table()).startswith(
        f"topic t has {table().partitions + 1} partitions, the table says {table().partitions}"
    )
