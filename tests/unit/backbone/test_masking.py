"""What an operator reads of a record: which it is, and nothing of what people said or are."""

from __future__ import annotations

import hashlib
import json

import pytest
from google.protobuf.message import Message

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.masking import MASKED, decoded, masked, shown_header
from onematter.common.v1.application_pb2 import PersonalData
from onematter.contracts.envelopes import envelope_of
from onematter.contracts.topics import table
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import MatterEvent

SECRETS = ("欧阳示例", "330106199001011234", "13800001234", "LiMing", "LiMingOnly", "sensitive words", "Zhangsan")


def hand_in() -> IntakeCommand:
    """A hand-in with personal data where they belong, and where they do not."""
    command = IntakeCommand(request_id="r-1", matter_id="a" * 32)
    command.actor.principal = "clerk-7"
    submit = command.submit_matter
    submit.matter_code, submit.division = "OM-90", "330106"
    application = submit.application
    application.facts["amount"].number = 41.5
    application.facts["note"].text = "LiMing"
    application.facts["names"].list.values.append("LiMingOnly")
    application.materials.add(material_id="form", digest=b"d" * 32, media_type="application/pdf")
    personal = PersonalData()
    personal.parties.add(party_id="p1", name="欧阳示例", identifier="330106199001011234", mobile="13800001234")
    application.personal_data.plain = personal.SerializeToString()
    return command


def texts(message: Message) -> str:
    return json.dumps(masked(message), ensure_ascii=False)


def test_a_hand_in_shows_what_it_is_and_no_one() -> None:
    document = masked(hand_in())
    assert (document["request_id"], document["matter_id"]) == ("r-1", "a" * 32)
    submit = document["submit_matter"]
    assert (submit["matter_code"], submit["division"]) == ("OM-90", "330106")
    application = submit["application"]
    assert application["personal_data"] == {"sealed": "plain"}
    assert application["facts"] == {"amount": MASKED, "note": MASKED, "names": MASKED}
    assert application["materials"][0]["material_id"] == "form"
    assert application["materials"][0]["digest"] == f"32 bytes, sha256 {hashlib.sha256(b'd' * 32).hexdigest()}"
    assert not [secret for secret in SECRETS if secret in texts(hand_in())]


@pytest.mark.parametrize("secret", ["330106199001011234", "33010619900101123X", "13800001234", "330106900101123"])
def test_an_identity_number_is_masked_even_where_an_id_belongs(secret: str) -> None:
    for command in (IntakeCommand(request_id=secret), IntakeCommand(matter_id=f"x-{secret}")):
        assert secret not in texts(command)


def test_what_people_write_and_what_an_event_repeats_of_a_command_is_masked() -> None:
    decision = ApprovalCommand(matter_id="m", item_id="01")
    decision.decide_task.opinion = "sensitive words"
    decision.decide_task.basis.append("Zhangsan")
    event = ApprovalEvent(matter_id="m")
    event.cause.received = decision.SerializeToString()
    event.task_decided.opinion = "Zhangsan"
    for message in (decision, event):
        assert not [secret for secret in SECRETS if secret in texts(message)]
    assert masked(decision)["item_id"] == "01"


def test_every_text_of_every_envelope_is_masked_unless_it_was_chosen() -> None:
    """A field of tomorrow that holds a person's words must not be shown by its mere presence."""
    event = MatterEvent()
    event.command_refused.violations.add(parameters={"anything": "LiMing"})
    event.command_refused.violations.add(field="LiMing Only").parameters["LiMingOnly"] = "x"
    event.command_refused.violations.add(parameters={"limit": "64"})
    assert "LiMing" not in texts(event)
    assert masked(event)["command_refused"]["violations"][2] == {"parameters": {"limit": MASKED}}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("ce_type", b"a.B", "a.B"), ("note", b"LiMing", "*** (6 characters)"), ("ce_id", "市".encode(), MASKED),
     ("ce_id", b"330106199001011234", "*** (18 characters)"), ("content-type", b"", "")],
)  # fmt: skip
def test_a_header_is_shown_where_it_is_ours(name: str, value: bytes, shown: str) -> None:
    assert shown_header(name, value) == shown


def test_what_a_topic_carries_is_known_and_rubbish_is_no_message() -> None:
    topics = table()
    for topic in topics.topics.values():
        kind = envelope_of(topics, topic.name)
        assert (kind is None) == (
            topic.kind == "dead-letters" or topics.deployments[topic.owner].service == "supervision"
        )
    assert envelope_of(topics, "no such topic") is None
    assert decoded(IntakeCommand, b"\xff\xff") is None
    assert decoded(None, b"") is None


def test_a_message_without_end_is_cut() -> None:
    event = MatterEvent()
    for number in range(60):
        event.matter_accepted.outstanding_materials.append(f"m{number}")
    listed = masked(event)["matter_accepted"]["outstanding_materials"]
    assert (len(listed), listed[-1]) == (51, "… 10 more")
