"""A Kafka that asks who is there: a further door with TLS and users, and an authorizer that gives no right by itself.

Rule 1: the door of `onematter.local` stays as it is, for whoever may everything: the broker itself, and the tests' own
eyes.
Rule 2: certificates are made anew for each run, by openssl, and outlive no test.
"""

# The library does not type what its admin client takes.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from onematter.contracts.connections import KafkaConnection

MECHANISM = "SCRAM-SHA-512"
ITERATIONS = 4096
_PROPERTIES = """\
listener.name.users.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.users.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.users.ssl.keystore.type=PEM
listener.name.users.ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users={trusted}
"""


def authority(directory: Path, host: str) -> tuple[Path, Path]:
    """An authority, and a server's key and certificate by it for an address; gives the files of both."""
    directory.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "rsa:2048", "-nodes", "-subj")
    openssl("req", "-x509", *key, "/CN=Test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *key, "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (directory / "names").write_text(f"subjectAltName=IP:{host}\n", encoding="utf-8")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "server.crt",
    )  # fmt: skip
    parts = [(directory / name).read_text(encoding="utf-8") for name in ("server.key", "server.crt")]
    (directory / "server.pem").write_text("".join(parts), encoding="utf-8")
    return directory / "ca.crt", directory / "server.pem"


def with_door(properties: str, host: str, port: int, keystore: Path, *trusted: str) -> str:
    """A broker's properties with the further door; the users `trusted` may do everything."""
    lines: list[str] = []
    for line in properties.splitlines():
        name, _, value = line.partition("=")
        if name in ("listeners", "advertised.listeners"):
            value = f"{value},USERS://{host}:{port}"
        if name == "listener.security.protocol.map":
            value = f"{value},USERS:SASL_SSL"
        lines.append(f"{name}={value}")
    everything = ";".join(f"User:{name}" for name in ("ANONYMOUS", *trusted))
    return "\n".join(lines) + "\n" + _PROPERTIES.format(keystore=keystore, trusted=everything)


def add_users(servers: str, users: Mapping[str, str]) -> None:
    """Let users in, each with its password; `servers` is the door that asks for nobody."""
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    admin = AdminClient({"bootstrap.servers": servers})
    changes: list[Any] = [UserScramCredentialUpsertion(name, scram, word.encode()) for name, word in users.items()]
    for future in admin.alter_user_scram_credentials(changes).values():
        future.result(30)


def connection_of(servers: str, user: str, password: str, ca: Path) -> KafkaConnection:
    """How a user comes in."""
    return KafkaConnection(servers, "SASL_SSL", MECHANISM, user, password, str(ca))
