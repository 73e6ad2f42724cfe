"""Who may do what on Kafka, worked out from the one table of topics; and Kafka's ACLs made so.

Rule 1: a right follows from the table or from what a program cannot run without; nobody gets one for convenience.
Rule 2: what is there is never taken away: rights beyond the table's are told, since another program may need them.
Rule 3: a right is literal but where a name is an integrator's to choose, such as its consumer groups.
Kafka's own rule: who may read or write may also describe.
"""

# The library has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import ClusterAuthorizationFailedError, KafkaError, SecurityDisabledError

from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import Topic, TopicTable

CLIENTS = "clients"
_PRINCIPAL = re.compile(r"[A-Za-z]+:.+")
_NOT_ALLOWED = "Kafka shows and makes ACLs only for who may Describe and Alter the cluster; give such a user"


class AclsRefused(Exception):
    """Kafka does not take ACLs; the text says why and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that a principal may do; with `prefixed` to all that begins with `name`."""

    principal: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """An integrator's principal: the consumer groups that begin with `groups` are its own.

    `topics` are those of the table's that it may use; None: all that clients may.
    """

    principal: str
    groups: str
    topics: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Principals:
    """As whom each deployment logs in, and the integrators."""

    deployments: Mapping[str, tuple[str, ...]]
    clients: tuple[Client, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """What became of it: how many were made and how many were there, and what else is said of these principals."""

    made: int
    there: int
    beyond: tuple[str, ...]


def read_principals(path: Path) -> Principals:
    """Principals of a TOML file: a table `deployments` of a name or names each, and `[[client]]` with `principal`,
    `groups` and perhaps `topics`. Raises ValueError, OSError.
    """
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    strangers = sorted(set(document) - {"deployments", "client"})
    if strangers:
        raise ValueError(f"{path.name}: {strangers[0]} means nothing here; give `deployments` and `[[client]]`")
    named = {
        name: (given,) if isinstance(given, str) else tuple(given)
        for name, given in document.get("deployments", {}).items()
    }
    clients = tuple(_client(path.name, row) for row in document.get("client", ()))
    for principal in (*(one for names in named.values() for one in names), *(one.principal for one in clients)):
        if not _PRINCIPAL.fullmatch(principal):
            raise ValueError(f"{path.name}: {principal!r} is no principal; write it as Kafka does, User:name")
    return Principals(named, clients)


def _client(file: str, row: Mapping[str, Any]) -> Client:
    if not row.get("principal") or not row.get("groups") or set(row) - {"principal", "groups", "topics"}:
        raise ValueError(f"{file}: a [[client]] has `principal`, `groups` and perhaps `topics`, not {sorted(row)}")
    topics = row.get("topics")
    return Client(row["principal"], row["groups"], None if topics is None else tuple(topics))


def rights_of(table: TopicTable, principals: Principals) -> frozenset[Right]:
    """What the table gives to each principal. Raises ValueError when the two do not fit."""
    if strangers := sorted(set(principals.deployments) - set(table.deployments)):
        raise ValueError(f"principals: no deployment {strangers[0]} in the topics table")
    if forgotten := [name for name in table.deployments if not principals.deployments.get(name)]:
        raise ValueError(f"principals: {forgotten[0]} has none, so it could read and write nothing; name one")
    found: set[Right] = set()
    for name, given in principals.deployments.items():
        for principal in given:
            found.update(_of_deployment(table, name, principal))
    for client in principals.clients:
        found.update(_of_client(table, client))
    return frozenset(found)


def _of_deployment(table: TopicTable, name: str, principal: str) -> Iterator[Right]:
    for topic in table.topics.values():
        for operation in _operations(topic, name):
            yield Right(principal, "topic", topic.name, operation)
    group = f"onematter-{name}"
    yield Right(principal, "group", group, "READ")
    if table.deployments[name].service == "supervision":
        # It makes its own changelog, and a rebuild of it takes that and the group away.
        yield Right(principal, "group", group, "DELETE")
        for operation in ("CREATE", "DELETE", "DESCRIBE_CONFIGS", "READ", "WRITE"):
            yield Right(principal, "topic", f"{group}-indicators-changelog", operation)


def _of_client(table: TopicTable, client: Client) -> Iterator[Right]:
    open_to = {topic.name for topic in table.topics.values() if CLIENTS in (*topic.writers, *topic.readers)}
    chosen = open_to if client.topics is None else set(client.topics)
    if closed := sorted(chosen - open_to):
        raise ValueError(f"principals: {closed[0]} is not open to clients; there are {', '.join(sorted(open_to))}")
    for name in chosen:
        topic = table.topics[name]
        if CLIENTS in topic.writers:
            yield Right(client.principal, "topic", name, "WRITE")
        if CLIENTS in topic.readers:
            yield Right(client.principal, "topic", name, "READ")
    yield Right(client.principal, "group", client.groups, "READ", prefixed=True)


def _operations(topic: Topic, deployment: str) -> Iterator[str]:
    owns = topic.owner == deployment
    # An owner reads its own events when it takes a lane or is restored; its dead letters stand in its database.
    reads = (owns and topic.kind != "dead-letters") or deployment in topic.readers
    writes = owns or deployment in topic.writers
    if reads:
        yield "READ"
    if writes:
        yield "WRITE"
    if reads:
        # Every start looks whether what is read is as the table says.
        yield "DESCRIBE_CONFIGS"


def grant(connection: KafkaConnection, wanted: Iterable[Right]) -> Granted:
    """Make the rights that are absent, and remove none. Raises AclsRefused."""
    asked = frozenset(wanted)
    rights = {_acl(right) for right in asked}
    try:
        admin = KafkaAdminClient(**connection.kafka_python())
        try:
            principals = {right.principal for right in asked}
            found = {acl for principal in principals for acl in _of_principal(admin, principal)}
            absent = list(rights - found)
            failed: list[Any] = admin.create_acls(absent)["failed"] if absent else []
        finally:
            admin.close()
    except SecurityDisabledError:
        raise AclsRefused(
            "Kafka has no authorizer, so everybody may do everything; set authorizer.class.name on its brokers, or ask "
            "for no ACLs"
        ) from None
    except ClusterAuthorizationFailedError:
        raise AclsRefused(_NOT_ALLOWED) from None
    except KafkaError as error:
        raise AclsRefused(f"Kafka: {type(error).__name__}") from error
    if failed:
        raise AclsRefused(_NOT_ALLOWED if ClusterAuthorizationFailedError in failed else f"Kafka: {failed[0].__name__}")
    return Granted(len(absent), len(rights) - len(absent), tuple(sorted(map(_words, found - rights))))


def _of_principal(admin: KafkaAdminClient, principal: str) -> Sequence[ACL]:
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    wanted = ACLFilter(principal, None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
    acls, _ = admin.describe_acls(wanted)
    return acls


def _acl(right: Right) -> ACL:
    kind = ACLResourcePatternType.PREFIXED if right.prefixed else ACLResourcePatternType.LITERAL
    pattern = ResourcePattern(ResourceType[right.resource.upper()], right.name, kind)
    return ACL(right.principal, "*", ACLOperation[right.operation], ACLPermissionType.ALLOW, pattern)


def _words(acl: ACL) -> str:
    pattern = acl.resource_pattern
    verb = "may" if acl.permission_type == ACLPermissionType.ALLOW else "may not"
    more = "*" if pattern.pattern_type == ACLResourcePatternType.PREFIXED else ""
    place = f"{pattern.resource_type.name.lower()} {pattern.resource_name}{more}"
    return f"{acl.principal} {verb} {acl.operation.name} {place}" + ("" if acl.host == "*" else f" from {acl.host}")
