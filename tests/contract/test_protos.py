"""The rules of the contracts' shape, and their bytes on the wire.

The bytes under golden/ were made from the text beside them by protoc alone, and stay what they are for as long as
records with these fields are kept (which is for ever, from 1.0 on):

    protoc --deterministic_output --encode=onematter.intake.v1.IntakeCommand -I protos \\
      protos/onematter/intake/v1/intake_commands.proto < intake_command.txtpb | od -An -v -tx1 | tr -d ' '
"""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(file.relative_to(PROTOS).as_posix() for file in PROTOS.rglob("*.proto"))

READS = ("Get", "List", "Watch", "Download", "Query")
# These take whatever command the envelope has.
ANY_COMMAND = ("HandleMatter", "HandleTask")
# Several at once, each with its outcome.
SEVERAL_COMMANDS = ("DecideTasks",)
# Changes without a request_id, each with what does its work.
OTHERWISE_IDEMPOTENT = {
    "onematter.intake.v1.IntakeService.UploadMaterial": "its content's digest",
    "onematter.datashare.v1.ResolverService.Resolve": "a look-up of another's, with a request_id of its own",
    "onematter.datashare.v1.ResolverService.FetchMaterial": "its content's digest",
}
# What an operator asks of one deployment goes by no topic: the request has all that a command has, and says why.
OPERATIONS = "onematter.backbone.v1.OperationsService"
ENVELOPES = {
    "intake_command": "onematter.intake.v1.IntakeCommand",
    "matter_event": "onematter.intake.v1.MatterEvent",
    "approval_command": "onematter.approval.v1.ApprovalCommand",
    "approval_event": "onematter.approval.v1.ApprovalEvent",
    "notice_event": "onematter.notification.v1.NoticeEvent",
    "record_event": "onematter.archive.v1.RecordEvent",
    "exchange_command": "onematter.exchange.v1.ExchangeCommand",
    "exchange_event": "onematter.exchange.v1.ExchangeEvent",
}


def compiled(name: str) -> FileDescriptor:
    return importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2").DESCRIPTOR


def enums() -> Iterator[EnumDescriptor]:
    def nested(message: Descriptor) -> Iterator[EnumDescriptor]:
        yield from message.enum_types
        for inner in message.nested_types:
            yield from nested(inner)

    for name in FILES:
        yield from compiled(name).enum_types_by_name.values()
        for message in compiled(name).message_types_by_name.values():
            yield from nested(message)


def type_of(message: Descriptor, field: str) -> str:
    kind = message.fields_by_name[field].message_type
    return kind.full_name if kind else ""


def methods() -> Iterator[MethodDescriptor]:
    for name in FILES:
        for service in compiled(name).services_by_name.values():
            yield from service.methods


def test_buf_finds_nothing() -> None:
    beside = Path(sys.executable).parent / "buf"
    buf = str(beside) if beside.exists() else shutil.which("buf")
    if buf is None:
        pytest.skip("needs buf (in the extra `dev`)")
    result = subprocess.run([buf, "lint", "protos"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_generated_code_has_the_package_of_its_path(name: str) -> None:
    area = name.split("/")[1]
    assert compiled(name).package == f"onematter.{area}.v1"
    assert compiled(name).name == f"onematter/{area}/v1/{name.rsplit('/', 1)[1]}"


def test_generated_code_is_that_of_the_protos(tmp_path: Path) -> None:
    """`make protos` makes it anew."""
    out = tmp_path / "descriptors"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"--descriptor_set_out={out}", *FILES]
    subprocess.run(command, cwd=PROTOS, check=True, timeout=60)
    for file in FileDescriptorSet.FromString(out.read_bytes()).file:
        assert without_json_names(compiled(file.name)) == without_json_names(file), file.name


def without_json_names(file: FileDescriptor | FileDescriptorProto) -> FileDescriptorProto:
    copy = FileDescriptorProto()
    if isinstance(file, FileDescriptor):
        file.CopyToProto(copy)
    else:
        copy.CopyFrom(file)

    def clear(messages: Any) -> None:
        for message in messages:
            for field in message.field:
                field.ClearField("json_name")
            clear(message.nested_type)

    clear(copy.message_type)
    return copy


def test_the_zero_of_every_enum_says_that_nothing_was_said() -> None:
    found = list(enums())
    assert len(found) > 10
    for enum in found:
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper()
        assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"


@pytest.mark.parametrize(("suffix", "oneof"), [("_commands", "command"), ("_events", "event")])
def test_every_topic_has_one_envelope_with_one_oneof_of_messages(suffix: str, oneof: str) -> None:
    files = [name for name in FILES if name.endswith(f"{suffix}.proto")]
    assert files
    for name in files:
        ending = oneof.capitalize()
        (envelope,) = [m for n, m in compiled(name).message_types_by_name.items() if n.endswith(ending)]
        assert envelope.full_name in ENVELOPES.values(), "a new envelope needs its golden bytes"
        (only,) = envelope.oneofs
        assert only.name == oneof
        assert all(field.message_type is not None and field.number >= 10 for field in only.fields)
        needed = {"request_id", "matter_id", "actor"} if oneof == "command" else {"matter_id", "time", "cause", "actor"}
        assert needed <= set(envelope.fields_by_name)
        assert type_of(envelope, "actor") == "onematter.common.v1.Actor"


def test_every_change_by_grpc_takes_the_command_of_its_topic() -> None:
    commands = {name for name in ENVELOPES.values() if name.endswith("Command")}
    changes = [method for method in methods() if not method.name.startswith(READS)]
    assert {m.full_name for m in changes} >= set(OTHERWISE_IDEMPOTENT)
    for method in changes:
        if method.full_name in OTHERWISE_IDEMPOTENT:
            continue
        if method.containing_service.full_name == OPERATIONS:
            assert set(method.input_type.fields_by_name) > {"request_id", "actor", "reason"}, method.full_name
            assert type_of(method.input_type, "actor") == "onematter.common.v1.Actor"
            assert type_of(method.output_type, "operation") == "onematter.backbone.v1.Operation"
            continue
        if method.name in SEVERAL_COMMANDS:
            assert set(method.input_type.fields_by_name) == {"commands"}, method.full_name
            assert type_of(method.input_type, "commands") in commands, method.full_name
            assert type_of(method.output_type, "outcomes") == "onematter.common.v1.Outcome"
            continue
        assert set(method.input_type.fields_by_name) == {"command"}, method.full_name
        assert type_of(method.input_type, "command") in commands, method.full_name
        envelope = method.input_type.fields_by_name["command"].message_type
        member = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method.name).lower()
        assert envelope is not None
        if method.name not in ANY_COMMAND:
            assert member in envelope.fields_by_name, f"{method.full_name} has no command of its name"
        assert type_of(method.output_type, "outcome") == "onematter.common.v1.Outcome"


def test_a_page_has_a_token_both_ways() -> None:
    for method in methods():
        asked, given = set(method.input_type.fields_by_name), set(method.output_type.fields_by_name)
        paged = {"page_size", "page_token"}
        assert asked & paged in (set(), paged), method.full_name
        assert ("next_page_token" in given) == (paged <= asked), method.full_name


@pytest.mark.parametrize(("golden", "name"), ENVELOPES.items())
def test_the_bytes_on_the_wire_stay(golden: str, name: str) -> None:
    for file in FILES:
        compiled(file)
    kind = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))
    wire = bytes.fromhex((GOLDEN / f"{golden}.hex").read_text(encoding="ascii"))
    text = (GOLDEN / f"{golden}.txtpb").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    message = kind.FromString(wire)
    assert message == text_format.Parse(text, kind())
    assert message.SerializeToString(deterministic=True) == wire
