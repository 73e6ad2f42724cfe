"""Topics and deployments, from the one table `topics.toml`.

Rule 1: no other module spells a topic's name.
Rule 2: a commands topic is acted on by exactly one deployment; an events topic is written by exactly one.
Rule 3: records are kept for ever and never compacted: a service that is restored, or built anew, reads them from the
first. What is older may be kept in tiered storage, where the total is for ever all the same.
Rule 4: which deployment an item goes to is asked here once, when a matter is accepted, and then pinned in the matter.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from onematter.common.v1.actor_pb2 import Level

SUBMISSIONS = "onematter.intake.submissions.v1"
INTAKE_COMMANDS = "onematter.intake.commands.v1"
MATTER_EVENTS = "onematter.matter.events.v1"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One service of one room. `level` is 0 and `division` empty where a service serves all."""

    name: str
    service: str
    level: int
    division: str

    @property
    def schema(self) -> str:
        """Its PostgreSQL schema."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic; `kind` is submissions, commands, events or dead-letters."""

    name: str
    kind: str
    owner: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a level's tasks of a division are handled."""

    deployment: str
    commands_topic: str
    events_topic: str


@dataclass(frozen=True, slots=True)
class TopicTable:
    """The whole table. Raises ValueError at load when a rule of this module is broken."""

    partitions: int
    config: Mapping[str, str]
    max_message_bytes: int
    deployments: Mapping[str, Deployment]
    topics: Mapping[str, Topic]

    def owned_by(self, deployment: str, kind: str) -> tuple[str, ...]:
        """Names of the topics of a kind that `deployment` owns."""
        return tuple(t.name for t in self.topics.values() if t.owner == deployment and t.kind == kind)

    def writers_of(self, topic: Topic) -> frozenset[str]:
        """The deployments that may write streams to a topic; events are their owner's alone, and clients have none."""
        return frozenset({topic.owner} if topic.kind == "events" else topic.writers).intersection(self.deployments)

    def events_topic(self, deployment: str) -> str:
        """The one events topic that `deployment` writes."""
        (name,) = self.owned_by(deployment, "events")
        return name

    def commands_topic(self, deployment: str) -> str:
        """The one commands topic that `deployment` acts on."""
        (name,) = self.owned_by(deployment, "commands")
        return name

    def inputs(self, deployment: str) -> tuple[str, ...]:
        """What `deployment` consumes."""
        return tuple(t.name for t in self.topics.values() if deployment in t.readers)

    def dead_letters(self, service: str) -> str:
        """Where a service puts what it cannot take in."""
        return next(
            t.name
            for t in self.topics.values()
            if t.kind == "dead-letters" and self.deployments[t.owner].service == service
        )

    def destination(self, level: int, division: str) -> Destination:
        """Who handles tasks of `level` in `division`: the deployment with the longest matching division.

        Raises LookupError when no deployment serves the level.
        """
        serving = [
            d
            for d in self.deployments.values()
            if d.service == "approval" and d.level == level and division.startswith(_digits(d.division))
        ]
        if not serving:
            raise LookupError(f"no approval deployment serves level {Level.Name(level)}; add one to topics.toml")
        owner = max(serving, key=lambda d: len(_digits(d.division)))
        return Destination(owner.name, self.commands_topic(owner.name), self.events_topic(owner.name))


def _digits(division: str) -> str:
    """What the codes of all divisions within `division` begin with: two digits a level (GB/T 2260).

    Only whole pairs of zeros stand for all of them: 330110 (余杭区) is a county, 331000 (台州市) has nothing of 331100.
    """
    while division.endswith("00") and len(division) % 2 == 0:
        division = division[:-2]
    return division


def parse(document: Mapping[str, Any]) -> TopicTable:
    """Build the table from a parsed TOML document and check its rules. Raises ValueError naming the line's name."""
    defaults = document["defaults"]
    deployments = {
        d["name"]: Deployment(
            d["name"],
            d["service"],
            Level.Value(f"LEVEL_{d['level']}") if "level" in d else 0,
            d.get("division", ""),
        )
        for d in document["deployment"]
    }
    topics = {
        t["name"]: Topic(t["name"], t["kind"], t["owner"], tuple(t.get("writers", ())), tuple(t.get("readers", ())))
        for t in document["topic"]
    }
    _check(deployments, topics)
    _check_retention(defaults)
    return TopicTable(
        partitions=int(os.environ.get("ONEMATTER_PARTITIONS", str(defaults["partitions"]))),
        config={
            "retention.ms": str(defaults["retention_ms"]),
            "retention.bytes": "-1",
            "cleanup.policy": defaults["cleanup_policy"],
            "message.timestamp.type": defaults["timestamp_type"],
            "max.message.bytes": str(defaults["max_message_bytes"]),
            **_tiered(defaults),
        },
        max_message_bytes=defaults["max_message_bytes"],
        deployments=deployments,
        topics=topics,
    )


def _tiered(defaults: Mapping[str, Any]) -> dict[str, str]:
    if not defaults.get("remote_storage"):
        return {}
    local = defaults.get("local_retention_ms")
    return {"remote.storage.enable": "true", **({} if local is None else {"local.retention.ms": str(local)})}


def _check_retention(defaults: Mapping[str, Any]) -> None:
    kept, policy = defaults["retention_ms"], defaults["cleanup_policy"]
    if kept != -1:
        raise ValueError(
            f"defaults: retention_ms is {kept}; records are kept for ever (-1), since a service that "
            "is restored or built anew needs them all; to keep less on the brokers' disks, set remote_storage = true "
            "and local_retention_ms"
        )
    if policy != "delete":
        raise ValueError(
            f"defaults: cleanup_policy is {policy}; compaction drops all but a matter's last record; "
            "it must be delete, which with retention_ms = -1 drops nothing"
        )
    local = defaults.get("local_retention_ms")
    if local is not None and not defaults.get("remote_storage"):
        raise ValueError("defaults: local_retention_ms without remote_storage = true would be no retention at all")
    if local is not None and local <= 0:
        raise ValueError(f"defaults: local_retention_ms is {local}; give milliseconds from 1, or leave it out")


def _check(deployments: Mapping[str, Deployment], topics: Mapping[str, Topic]) -> None:
    known = {*deployments, "clients"}
    for topic in topics.values():
        strangers = {topic.owner, *topic.writers, *topic.readers} - known
        if strangers:
            raise ValueError(f"topic {topic.name}: unknown deployment {sorted(strangers)}; add a [[deployment]]")
        if topic.kind in ("commands", "submissions") and topic.owner not in topic.readers:
            raise ValueError(f"topic {topic.name}: its owner {topic.owner} must be among its readers")
        if topic.kind == "events" and topic.writers:
            raise ValueError(f"topic {topic.name}: events are written by their owner alone; remove `writers`")
    for deployment in deployments.values():
        for kind in ("events", "commands"):
            count = sum(t.owner == deployment.name and t.kind == kind for t in topics.values())
            if count > 1 or (deployment.service == "approval" and count != 1):
                raise ValueError(f"deployment {deployment.name}: needs exactly one {kind} topic, has {count}")


@cache
def table() -> TopicTable:
    """The table in force: the file that ONEMATTER_TOPICS names, or the one that ships with the package."""
    path = os.environ.get("ONEMATTER_TOPICS")
    text = (
        Path(path).read_text(encoding="utf-8")
        if path
        else files("onematter.contracts").joinpath("topics.toml").read_text(encoding="utf-8")
    )
    return parse(tomllib.loads(text))
