"""A message as an operator may read it: what it is and which it is about, and nothing of what people said or are.

Rule 1: what is shown is chosen, never what is hidden: enums, flags, times, numbers, and texts of fields that hold
codes or ids. A text field of tomorrow is masked until it is chosen here.
Rule 2: bytes are told by their length and digest, `Sealed` by whether it is encrypted; facts by their names.
Rule 3: even a chosen text is masked where it looks like an identity number or a telephone, which nobody may put there.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from onematter.common.v1.application_pb2 import Sealed
from onematter.contracts.headers import rfc3339
from onematter.contracts.times import unix_ms

MASKED = "***"
MAX_SHOWN_CHARACTERS = 200
MAX_DEPTH = 20
MAX_ELEMENTS = 50
# Names of text fields that hold a code, an id, a day or a name of ours.
_SHOWN = frozenset(
    {
        "accepted_day", "algorithm", "certificate_type", "command", "commands_topic", "day", "department",
        "departments", "depends_on", "division", "events_topic", "field", "first_day", "id", "item_id",
        "item_ids", "key_id", "language", "last_day", "material_id", "material_ids", "matter_code", "matter_id",
        "matter_number", "media_type", "media_types", "missing", "notice_id", "opened_items",
        "outstanding_materials", "owner", "owner_division", "party_id", "pledged_items", "principal",
        "promised_materials", "receiving_division", "request_id", "source", "topic", "unshared_materials",
        "writer",
    }
)  # fmt: skip
_PERSONAL = re.compile(r"(?<![0-9])(?:[0-9]{17}[0-9Xx]|[0-9]{15}|1[3-9][0-9]{9})(?![0-9Xx])")
_CODE = re.compile(r"[\w./:@|+\-]*", re.ASCII)
# Names of facts and parameters, as the catalogue and the code have them.
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def decoded(kind: type[Message] | None, value: bytes) -> Message | None:
    """The message in `value`; None when it is not of this kind, or of no known one."""
    if kind is None:
        return None
    try:
        return kind.FromString(value)
    except DecodeError:
        return None


def masked(message: Message, depth: int = 0) -> dict[str, Any]:
    """The message as a JSON document, masked by the rules of this module."""
    if isinstance(message, Sealed):
        return {"sealed": "ciphertext" if message.WhichOneof("content") == "ciphertext" else "plain"}
    if depth >= MAX_DEPTH:
        return {"more": MASKED}
    document: dict[str, Any] = {}
    for field, value in message.ListFields():
        if _is_map(field):
            keys = [str(key) for key in list(value)[:MAX_ELEMENTS]]
            document[field.name] = {_text(key, _NAME.fullmatch(key) is not None): MASKED for key in keys}
        elif field.is_repeated:
            document[field.name] = [_value(field, one, depth) for one in list(value)[:MAX_ELEMENTS]]
            if len(value) > MAX_ELEMENTS:
                document[field.name].append(f"… {len(value) - MAX_ELEMENTS} more")
        else:
            document[field.name] = _value(field, value, depth)
    return document


def shown_header(name: str, value: bytes) -> str:
    """A header's value where it is one of CloudEvents' or ours; else masked."""
    known = name in ("content-type", "traceparent") or name.startswith(("ce_", "dead_letter_"))
    try:
        return _text(value.decode("ascii"), known)
    except UnicodeDecodeError:
        return MASKED


def _value(field: FieldDescriptor, value: Any, depth: int) -> Any:
    if field.message_type is not None:
        if isinstance(value, Timestamp):
            try:
                return rfc3339(unix_ms(value))
            except (ValueError, OverflowError):
                return MASKED
        return masked(value, depth + 1)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    if isinstance(value, bytes):
        return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}"
    if isinstance(value, str):
        return _text(value, field.name in _SHOWN)
    if isinstance(value, bool):
        return value
    # A number of ours counts something, as a sequence or bytes; a fact's is told by nobody.
    owner = field.containing_type
    return MASKED if owner is None or owner.name == "Fact" else value


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry


def _text(text: str, chosen: bool) -> str:
    if not text:
        return ""
    if chosen and len(text) <= MAX_SHOWN_CHARACTERS and _CODE.fullmatch(text) and not _PERSONAL.search(text):
        return text
    return f"{MASKED} ({len(text)} characters)"
