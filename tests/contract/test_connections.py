"""One set of settings reaches librdkafka, kafka-python, Python's TLS (Faust) and PostgreSQL, and no secret shows.

data/ has a self-signed certificate of localhost and its key, which is under the password SECRET.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import confluent_kafka
import psycopg.conninfo
import pytest
import sqlalchemy
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from onematter.contracts.connections import DatabaseConnection, KafkaConnection, SettingMissing

SECRET = "s3cret-word"
DATA = Path(__file__).parent / "data"
CERTIFICATE, KEY = str(DATA / "localhost.crt"), str(DATA / "localhost.key")

PLAIN = {"KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:9093"}
SASL = PLAIN | {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "intake",
    "KAFKA_SASL_PASSWORD": SECRET,
}
TLS = PLAIN | {
    "KAFKA_SECURITY_PROTOCOL": "SSL",
    "KAFKA_SSL_CA_FILE": CERTIFICATE,
    "KAFKA_SSL_CERTIFICATE_FILE": CERTIFICATE,
    "KAFKA_SSL_KEY_FILE": KEY,
    "KAFKA_SSL_KEY_PASSWORD": SECRET,
}
BOTH = SASL | TLS | {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        (PLAIN, {"bootstrap.servers": "a:9092,b:9093", "security.protocol": "PLAINTEXT"}),
        (
            SASL,
            {
                "bootstrap.servers": "a:9092,b:9093",
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "intake",
                "sasl.password": SECRET,
            },
        ),
        (
            BOTH,
            {
                "bootstrap.servers": "a:9092,b:9093",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "intake",
                "sasl.password": SECRET,
                "ssl.ca.location": CERTIFICATE,
                "ssl.certificate.location": CERTIFICATE,
                "ssl.key.location": KEY,
                "ssl.key.password": SECRET,
            },
        ),
    ],
)
def test_librdkafka_gets_what_the_protocol_uses(environment: dict[str, str], settings: dict[str, str]) -> None:
    made = KafkaConnection.from_environment(environment).librdkafka()
    assert made == settings
    # It loads the certificate and opens the key when it is made; it connects later.
    confluent_kafka.Producer({**made, "log_level": 0})


def test_librdkafka_is_told_the_keys_password() -> None:
    made = KafkaConnection.from_environment(TLS | {"KAFKA_SSL_KEY_PASSWORD": "another"}).librdkafka()
    with pytest.raises(confluent_kafka.KafkaException, match=r"ssl\.key\.location"):
        confluent_kafka.Producer({**made, "log_level": 0})


def test_kafka_python_gets_the_same() -> None:
    plain = KafkaConnection.from_environment(PLAIN).kafka_python()
    assert plain == {"bootstrap_servers": ["a:9092", "b:9093"], "security_protocol": "PLAINTEXT"}
    both = KafkaConnection.from_environment(BOTH).kafka_python()
    assert isinstance(both.pop("ssl_context"), ssl.SSLContext)
    assert both == {
        "bootstrap_servers": ["a:9092", "b:9093"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "intake",
        "sasl_plain_password": SECRET,
    }
    for client in (KafkaProducer, KafkaConsumer, KafkaAdminClient):
        assert {*both, "ssl_context"} <= set(client.DEFAULT_CONFIG)


def shake_hands(client_context: ssl.SSLContext, hostname: str) -> None:
    """A whole TLS handshake in memory, with a server that wants the client's certificate."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(CERTIFICATE, KEY, SECRET)
    server_context.load_verify_locations(CERTIFICATE)
    server_context.verify_mode = ssl.CERT_REQUIRED
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=hostname)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert server.getpeercert()


def test_pythons_tls_trusts_the_authority_and_shows_the_certificate() -> None:
    context = KafkaConnection.from_environment(TLS).ssl_context()
    shake_hands(context, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(context, "elsewhere")
    without_authority = KafkaConnection.from_environment(TLS | {"KAFKA_SSL_CA_FILE": ""}).ssl_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(without_authority, "localhost")
    without_certificate = KafkaConnection.from_environment(TLS | {"KAFKA_SSL_CERTIFICATE_FILE": ""}).ssl_context()
    with pytest.raises(ssl.SSLError):
        shake_hands(without_certificate, "localhost")


@pytest.mark.parametrize("name", ["KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD", "KAFKA_SASL_USERNAME"])
def test_a_setting_can_stand_in_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mounted"
    file.write_text(f"{BOTH[name]}\n", encoding="utf-8")
    environment = {key: value for key, value in BOTH.items() if key != name} | {f"{name}_FILE": str(file)}
    assert KafkaConnection.from_environment(environment) == KafkaConnection.from_environment(BOTH)


def test_no_secret_shows() -> None:
    kafka = KafkaConnection.from_environment(BOTH)
    database = DatabaseConnection.from_environment({"DATABASE_URL": f"postgresql://intake:{SECRET}@db:5432/om"})
    for shown in (repr(kafka), str(kafka), repr(database), str(database), f"{kafka} {database}"):
        assert SECRET not in shown
    assert "a:9092" in repr(kafka)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SettingMissing, match="KAFKA_BOOTSTRAP_SERVERS"):
        KafkaConnection.from_environment({})
    with pytest.raises(SettingMissing, match="DATABASE_URL"):
        DatabaseConnection.from_environment({"DATABASE_URL": ""})


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_psycopg_and_sqlalchemy_reach_the_same_database(scheme: str, tmp_path: Path) -> None:
    url = f"{scheme}://intake:{SECRET}@db.example:5433/om?sslmode=verify-full&sslrootcert=/ca.crt"
    file = tmp_path / "url"
    file.write_text(f"{url}\n", encoding="utf-8")
    connection = DatabaseConnection.from_environment({"DATABASE_URL_FILE": str(file)})
    assert connection == DatabaseConnection.from_environment({"DATABASE_URL": url})
    wanted = {
        "user": "intake", "password": SECRET, "host": "db.example", "port": "5433", "dbname": "om",
        "sslmode": "verify-full", "sslrootcert": "/ca.crt",
    }  # fmt: skip
    assert psycopg.conninfo.conninfo_to_dict(connection.url) == wanted
    parsed = sqlalchemy.make_url(connection.sqlalchemy())
    assert parsed.drivername == "postgresql+psycopg"
    assert {
        "user": parsed.username, "password": parsed.password, "host": parsed.host, "port": str(parsed.port),
        "dbname": parsed.database, **parsed.query,
    } == wanted  # fmt: skip
