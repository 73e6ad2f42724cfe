"""Hand in one matter with kafka-python and the contracts alone, and read what becomes of it: no SDK.

Run: python -m onematter.client.examples.bare_kafka localhost:9092
"""

import hashlib
import sys
import uuid
from datetime import UTC, datetime

from kafka import KafkaConsumer, KafkaProducer

from onematter.common.v1.actor_pb2 import ACTOR_ROLE_SYSTEM, CHANNEL_SYSTEM
from onematter.common.v1.application_pb2 import PARTY_ROLE_APPLICANT, PersonalData
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent

PRINCIPAL = "bare-kafka"
FORM = b"%PDF-1.7 an application form"


def matter_id_of(principal: str, request_id: str) -> str:
    """The matter's id, as every sender may compute it."""
    who = principal.encode()
    seed = b"onematter.matter.v1" + len(who).to_bytes(4, "big") + who + request_id.encode()
    return hashlib.sha256(seed).hexdigest()[:32]


def submission(request_id: str) -> IntakeCommand:
    """The command."""
    command = IntakeCommand(request_id=request_id, matter_id=matter_id_of(PRINCIPAL, request_id))
    command.actor.principal = PRINCIPAL
    command.actor.role = ACTOR_ROLE_SYSTEM
    submit = command.submit_matter
    submit.matter_code = "OM-90"
    submit.division = "330106"
    submit.channel = CHANNEL_SYSTEM
    application = submit.application
    application.facts["amount"].number = 5
    application.materials.add(
        material_id="form",
        digest=hashlib.sha256(FORM).digest(),
        size_bytes=len(FORM),
        media_type="application/pdf",
    )
    application.parties.add(party_id="p1", role=PARTY_ROLE_APPLICANT)
    personal_data = PersonalData()
    personal_data.parties.add(party_id="p1", name="杭州某某有限公司")
    application.personal_data.plain = personal_data.SerializeToString()
    return command


def headers(command: IntakeCommand) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0, binary content mode."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", command.request_id.encode()),
        ("ce_source", b"/clients/bare-kafka"),
        ("ce_type", b"onematter.intake.v1.SubmitMatter"),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("content-type", b"application/protobuf"),
    ]


def main(bootstrap_servers: str) -> str:
    """Hand in, print each event, return the last one's name: matter_completed when all went well."""
    command = submission(uuid.uuid4().hex)
    key = command.matter_id.encode()
    # kafka-python's default partitioner is Kafka's own murmur2; with librdkafka set partitioner=murmur2_random.
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    written = producer.send(
        "onematter.intake.submissions.v1",
        key=key,
        value=command.SerializeToString(deterministic=True),
        headers=headers(command),
    ).get(timeout=30)
    producer.close()
    print(f"matter {command.matter_id} written to {written.topic}/{written.partition}/{written.offset}")
    last = ""
    events = KafkaConsumer(
        "onematter.matter.events.v1",
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    )
    for record in events:
        if record.key == key:
            last = MatterEvent.FromString(record.value).WhichOneof("event") or ""
            print(last)
            if last in ("matter_completed", "command_refused"):
                break
    events.close()
    return last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) != "matter_completed")
