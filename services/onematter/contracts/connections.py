"""One set of connection settings, for librdkafka, kafka-python, Faust and psycopg alike.

Kafka, by environment: KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL),
KAFKA_SASL_MECHANISM (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512), KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD or
KAFKA_SASL_PASSWORD_FILE, KAFKA_SSL_CA_FILE, KAFKA_SSL_CERTIFICATE_FILE, KAFKA_SSL_KEY_FILE, KAFKA_SSL_KEY_PASSWORD.
PostgreSQL: DATABASE_URL, or DATABASE_URL_FILE; TLS goes into the URL (`?sslmode=verify-full&sslrootcert=…`).
Secrets never appear in `repr`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class SettingMissing(ValueError):
    """A setting that is needed is absent; the text names it."""


def setting(environment: Mapping[str, str], name: str) -> str:
    """A setting, or what stands in the file that `<name>_FILE` names; empty when neither is given."""
    if environment.get(name):
        return environment[name]
    if environment.get(f"{name}_FILE"):
        return Path(environment[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
    return ""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How to reach Kafka."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_ca_file: str = ""
    ssl_certificate_file: str = ""
    ssl_key_file: str = ""
    ssl_key_password: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> KafkaConnection:
        """Read the settings. Raises SettingMissing without KAFKA_BOOTSTRAP_SERVERS."""
        servers = setting(environment, "KAFKA_BOOTSTRAP_SERVERS")
        if not servers:
            raise SettingMissing("KAFKA_BOOTSTRAP_SERVERS is not set; give host:port[,host:port]")
        return cls(
            bootstrap_servers=servers,
            security_protocol=setting(environment, "KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT",
            sasl_mechanism=setting(environment, "KAFKA_SASL_MECHANISM"),
            sasl_username=setting(environment, "KAFKA_SASL_USERNAME"),
            sasl_password=setting(environment, "KAFKA_SASL_PASSWORD"),
            ssl_ca_file=setting(environment, "KAFKA_SSL_CA_FILE"),
            ssl_certificate_file=setting(environment, "KAFKA_SSL_CERTIFICATE_FILE"),
            ssl_key_file=setting(environment, "KAFKA_SSL_KEY_FILE"),
            ssl_key_password=setting(environment, "KAFKA_SSL_KEY_PASSWORD"),
        )

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.security_protocol.endswith("SSL")

    @property
    def authenticated(self) -> bool:
        """Whether the connection uses SASL."""
        return self.security_protocol.startswith("SASL")

    def librdkafka(self) -> dict[str, Any]:
        """Settings for confluent-kafka."""
        settings = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism if self.authenticated else "",
            "sasl.username": self.sasl_username if self.authenticated else "",
            "sasl.password": self.sasl_password if self.authenticated else "",
            "ssl.ca.location": self.ssl_ca_file if self.encrypted else "",
            "ssl.certificate.location": self.ssl_certificate_file if self.encrypted else "",
            "ssl.key.location": self.ssl_key_file if self.encrypted else "",
            "ssl.key.password": self.ssl_key_password if self.encrypted else "",
        }
        return {name: value for name, value in settings.items() if value}

    def kafka_python(self) -> dict[str, Any]:
        """Settings for kafka-python."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.authenticated:
            settings |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        if self.encrypted:
            settings["ssl_context"] = self.ssl_context()
        return settings

    def ssl_context(self) -> ssl.SSLContext:
        """TLS settings as Python's own object, for kafka-python and Faust."""
        context = ssl.create_default_context(cafile=self.ssl_ca_file or None)
        if self.ssl_certificate_file:
            context.load_cert_chain(self.ssl_certificate_file, self.ssl_key_file or None, self.ssl_key_password or None)
        return context


@dataclass(frozen=True, slots=True)
class DatabaseConnection:
    """How to reach PostgreSQL, as a libpq URL."""

    url: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> DatabaseConnection:
        """Read the settings. Raises SettingMissing without DATABASE_URL."""
        url = setting(environment, "DATABASE_URL")
        if not url:
            raise SettingMissing("DATABASE_URL is not set; give postgresql://user@host:port/database")
        return cls(url)

    def sqlalchemy(self) -> str:
        """The same for SQLAlchemy (Alembic), with the psycopg 3 driver."""
        return self.url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
