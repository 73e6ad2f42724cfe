"""ACLs of the topics table on a real Kafka with an authorizer, users and TLS: enough for every service, and no more.

Rule 1: whether something is allowed is what the broker says to somebody who tries it, never what its ACLs say.
Rule 2: what is tried on a topic must leave nothing there: the broker looks at rights first and at sizes then, so that
a record too large is refused as the one or as the other.
"""

# The library does not type what its admin client takes.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from kafka import KafkaConsumer
from kafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from kafka.structs import TopicPartition as Partition
from psycopg import sql
from tests import secured
from tests.conftest import SERVICES
from tests.tail import poll

from onematter.contracts.connections import KafkaConnection
from onematter.contracts.topics import table
from onematter.local import kafka
from onematter.local.ports import LOOPBACK, allocate
from onematter.local.processes import Supervisor, stop_processes
from onematter.local.stack import DEFAULT_SERVICES, Stack, cache_directory, start

SUPERVISION = next(spec for spec in DEFAULT_SERVICES if spec.deployment == "supervision")
HAND_IN = Path(__file__).parents[2] / "charts" / "onematter" / "files" / "hand_in.py"
SUBMISSION = {
    "matter_code": "OM-90",
    "division": "330106",
    "channel": "system",
    "facts": {"amount": 5},
    "materials": [{"material_id": "form", "sha256": "0" * 64, "size_bytes": 4, "media_type": "application/pdf"}],
}
# Larger than any topic takes.
TOO_LARGE = b"x" * 2_500_000
LEVELS = ("province", "city", "county")
MAKER = "maker"
CLIENT = "water"


@dataclass(frozen=True)
class Secured:
    """A broker: the door for whoever may everything, and the one that asks for a user."""

    open_servers: str
    servers: str
    authority: Path
    principals: Path

    def connection(self, user: str) -> KafkaConnection:
        return secured.connection_of(self.servers, user, f"word of {user}", self.authority)

    def environment(self, user: str) -> dict[str, str]:
        """How a process comes in as a user."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": secured.MECHANISM,
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": f"word of {user}",
            "KAFKA_SSL_CA_FILE": str(self.authority),
        }

    def provision(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run provision as the job does, or in another environment."""
        return subprocess.run(
            [sys.executable, "-m", "onematter.backbone.provision", *arguments],
            capture_output=True, text=True, check=False, timeout=120, env=environment or self.environment(MAKER),
        )  # fmt: skip


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    directory = tmp_path_factory.mktemp("secured")
    ports = allocate(["kafka", "controller", "users"], directory / "ports.json")
    users = [*table().deployments, CLIENT, MAKER]
    principals = directory / "principals.toml"
    lines = ["[deployments]", *(f'{name} = "User:{name}"' for name in table().deployments)]
    lines += ["[[client]]", f'principal = "User:{CLIENT}"', f'groups = "{CLIENT}-"']
    principals.write_text("\n".join(lines), encoding="utf-8")
    supervisor = Supervisor(bound=True)
    try:
        spec = kafka.prepare(
            directory / "kafka", cache_directory(), broker_port=ports["kafka"], controller_port=ports["controller"],
            log=directory / "kafka.log", supervisor=supervisor, progress=print,
        )  # fmt: skip
        authority, keystore = secured.authority(directory / "tls", LOOPBACK)
        properties = directory / "kafka" / "server.properties"
        text = secured.with_door(properties.read_text(encoding="utf-8"), LOOPBACK, ports["users"], keystore)
        properties.write_text(text, encoding="utf-8")
        supervisor.start(spec)
        poll(lambda: kafka.is_ready(ports["kafka"]), "the broker")
        made = Secured(f"{LOOPBACK}:{ports['kafka']}", f"{LOOPBACK}:{ports['users']}", authority, principals)
        secured.add_users(made.open_servers, {name: f"word of {name}" for name in users})
        # All that the job's user may, as the chart's README says.
        allow(made, MAKER, ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE, AclOperation.ALTER)
        every = (AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
        allow(made, MAKER, ResourceType.TOPIC, "*", *every)
        yield made
    finally:
        supervisor.close()
        stop_processes(list(supervisor.processes.values()))


def allow(broker: Secured, user: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    """Give a right through the door for whoever may everything."""
    admin = AdminClient({"bootstrap.servers": broker.open_servers})
    pattern, yes = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    wanted = [AclBinding(kind, name, pattern, f"User:{user}", "*", operation, yes) for operation in operations]
    for future in admin.create_acls(wanted).values():
        future.result(30)


@pytest.fixture(scope="module")
def provisioned(broker: Secured) -> Secured:
    done = broker.provision("--topics", "--acls", str(broker.principals))
    assert done.returncode == 0, done.stderr
    # Brokers learn of ACLs a moment after they were made.
    poll(lambda: joins(broker.connection(CLIENT), f"{CLIENT}-inbox"), "the last of the ACLs")
    return broker


def written(connection: KafkaConnection) -> set[str]:
    """The topics of which the broker would take a record, if it were not too large."""
    said: dict[str, KafkaError | None] = {}
    producer = Producer({**connection.librdkafka(), "message.max.bytes": 3_000_000, "log_level": 0})
    for topic in table().topics:
        told = functools.partial(said.__setitem__, topic)
        try:
            producer.produce(topic, TOO_LARGE, partition=0, on_delivery=lambda error, _, told=told: told(error))
        except KafkaException as error:
            # The producer knows already.
            told(error.args[0])
    poll(lambda: producer.flush(1) == 0, "an answer about each topic")
    codes = {topic: error and error.code() for topic, error in said.items()}
    assert set(codes.values()) <= {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.MSG_SIZE_TOO_LARGE}, codes
    return {topic for topic, code in codes.items() if code == KafkaError.MSG_SIZE_TOO_LARGE}


def read(connection: KafkaConnection) -> set[str]:
    """The topics of which the broker gives records, or says that there are none. Of the group nothing is asked."""
    settings = {
        **connection.librdkafka(), "group.id": "nobody", "enable.partition.eof": True, "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "log_level": 0,
    }  # fmt: skip
    said: dict[str, KafkaError | None] = {}
    with closing(Consumer(settings)) as consumer:
        # Of a topic that is not even shown, fetching tells nothing.
        seen = {topic: consumer.list_topics(topic, 30).topics[topic].error for topic in table().topics}
        said.update((topic, error) for topic, error in seen.items() if error is not None)
        consumer.assign([TopicPartition(topic, 0, 0) for topic in table().topics if topic not in said])

        def all_told() -> bool:
            told: Any = consumer.poll(1)
            if told is not None and told.topic():
                said.setdefault(told.topic(), told.error())
            return set(said) == set(table().topics)

        poll(all_told, "an answer about each topic")
    codes = {topic: error and error.code() for topic, error in said.items()}
    fine = (None, KafkaError._PARTITION_EOF)
    assert set(codes.values()) <= {KafkaError.TOPIC_AUTHORIZATION_FAILED, *fine}, codes
    return {topic for topic, code in codes.items() if code in fine}


def joins(connection: KafkaConnection, group: str) -> bool:
    """Whether the broker tells somebody of a group's offsets."""
    with closing(KafkaConsumer(**connection.kafka_python(), group_id=group, enable_auto_commit=False)) as consumer:
        try:
            consumer.committed(Partition("onematter.matter.events.v1", 0))
        except GroupAuthorizationFailedError:
            return False
        except TopicAuthorizationFailedError:
            # Who may ask of the group, but not of this topic.
            return True
        return True


COUNTY_READS = {"onematter.approval.county.commands.v1", "onematter.approval.county.events.v1"}
COUNTY_WRITES = {*COUNTY_READS, "onematter.approval.dead-letters.v1"}
CLIENT_READS = {
    "onematter.matter.events.v1",
    "onematter.notification.events.v1",
    "onematter.archive.events.v1",
    "onematter.exchange.events.v1",
    *(f"onematter.approval.{level}.events.v1" for level in LEVELS),
}
CLIENT_WRITES = {
    "onematter.intake.submissions.v1",
    "onematter.intake.commands.v1",
    *(f"onematter.approval.{level}.commands.v1" for level in LEVELS),
}


@pytest.mark.parametrize(
    ("user", "may_read", "may_write"),
    [("approval-county", COUNTY_READS, COUNTY_WRITES), (CLIENT, CLIENT_READS, CLIENT_WRITES)],
)
def test_a_user_does_what_the_table_says_and_nothing_else(
    provisioned: Secured, user: str, may_read: set[str], may_write: set[str]
) -> None:
    connection = provisioned.connection(user)
    assert read(connection) == may_read
    assert written(connection) == may_write


def test_a_group_is_its_deployments_alone(provisioned: Secured) -> None:
    county, client = provisioned.connection("approval-county"), provisioned.connection(CLIENT)
    found = [joins(county, "onematter-approval-county"), joins(county, "onematter-intake"), joins(county, "any")]
    assert found == [True, False, False]
    assert [joins(client, f"{CLIENT}-inbox"), joins(client, "onematter-intake")] == [True, False]


def test_what_is_there_stays_and_what_is_not_of_the_table_is_told(provisioned: Secured) -> None:
    allow(provisioned, "archive", ResourceType.TOPIC, "elsewhere", AclOperation.READ)
    allow(provisioned, "somebody", ResourceType.TOPIC, "elsewhere", AclOperation.WRITE)

    def there() -> set[str]:
        any_name: Any = None
        anything = AclBindingFilter(
            ResourceType.ANY, any_name, ResourcePatternType.ANY, any_name, any_name, AclOperation.ANY,
            AclPermissionType.ANY,
        )  # fmt: skip
        admin = AdminClient({"bootstrap.servers": provisioned.open_servers})
        return {str(one) for one in admin.describe_acls(anything).result(30)}

    before = there()
    done = provisioned.provision("--acls", str(provisioned.principals))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("acls: 0 made, ")
    assert lines[1:] == ["acls: not of the topics table, left as it is: User:archive may READ topic elsewhere"]
    assert there() == before


def test_who_may_not_alter_the_cluster_makes_no_acls(provisioned: Secured) -> None:
    environment = provisioned.environment("approval-county")
    done = provisioned.provision("--acls", str(provisioned.principals), environment=environment)
    assert done.returncode == 1
    assert "only for who may Describe and Alter the cluster" in done.stderr


def test_a_broker_without_an_authorizer_is_refused(local_stack: Stack, provisioned: Secured) -> None:
    environment = {"KAFKA_BOOTSTRAP_SERVERS": local_stack.addresses.kafka_bootstrap_servers}
    done = provisioned.provision("--acls", str(provisioned.principals), environment=environment)
    assert done.returncode == 1
    assert "Kafka has no authorizer, so everybody may do everything" in done.stderr


def test_every_service_has_enough(
    provisioned: Secured, local_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A matter goes from hand-in to a verified archive, each service as its own user, by TLS."""
    database = f"acls_{uuid.uuid4().hex[:8]}"
    url = local_stack.addresses.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    for name, value in provisioned.environment(MAKER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", urlsplit(url)._replace(path=f"/{database}").geturl())
    services = [
        replace(spec, environment={**spec.environment, **provisioned.environment(spec.deployment)})
        for spec in (*SERVICES, SUPERVISION)
        if spec.deployment in table().deployments
    ]
    setup = ((sys.executable, "-m", "onematter.backbone.provision", "--schemas"),)
    submission = tmp_path / "submission.json"
    submission.write_text(json.dumps(SUBMISSION), encoding="utf-8")
    with start(tmp_path / "stack", detached=False, services=services, setup=setup, ready_timeout_seconds=120) as stack:
        addresses: dict[str, Any] = stack.addresses.services
        environment = {
            f"ONEMATTER_{name.upper().replace('-', '_')}": one.grpc for name, one in addresses.items() if one.grpc
        }
        done = subprocess.run(
            [sys.executable, str(HAND_IN), str(submission), "90"],
            capture_output=True, text=True, check=False, timeout=120, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "archived and verified" in done.stdout
