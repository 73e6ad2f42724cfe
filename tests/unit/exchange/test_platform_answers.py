"""What a platform answers is not believed blindly; how the exchange is set up."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.unit.exchange.cases import CONTENT, LICENCE, MATTER_ID, Matter, ask, found

from onematter.backbone.settings import SettingWrong
from onematter.common.v1.application_pb2 import TrustClass
from onematter.contracts.connections import SettingMissing
from onematter.datashare.v1.datashare_service_pb2 import MaterialFound
from onematter.exchange.caller import request_id, resolve_request
from onematter.exchange.core import Policy
from onematter.exchange.platform import MALFORMED, CallFailed, check_content, check_found
from onematter.exchange.settings import ExchangeSettings
from onematter.exchange.v1.exchange_events_pb2 import RequestedMaterial

WANTED = RequestedMaterial(
    material_id="business_licence", source="market_regulation", media_types=["application/pdf"], max_bytes=1_000
)


def good() -> MaterialFound:
    return found().record_answer.answer.found


def test_what_fits_is_taken() -> None:
    check_found(good(), WANTED)
    check_content(CONTENT, good().material)


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": b"short"},
        {"size_bytes": 0},
        {"size_bytes": 1_001},
        {"media_type": "text/html"},
        {"trust_class": TrustClass.TRUST_CLASS_C},
        {"trust_class": TrustClass.TRUST_CLASS_UNSPECIFIED},
    ],
)
def test_what_does_not_is_malformed(wrong: dict[str, Any]) -> None:
    told = good()
    for name, value in wrong.items():
        setattr(told.material, name, value)
    with pytest.raises(CallFailed) as caught:
        check_found(told, WANTED)
    assert caught.value.failure == MALFORMED


@pytest.mark.parametrize("name", ["issuer", "valid_from", "valid_until"])
def test_a_certificates_text_without_a_bound_is_malformed(name: str) -> None:
    told = good()
    setattr(told, name, "9" * 201)
    with pytest.raises(CallFailed) as caught:
        check_found(told, WANTED)
    assert caught.value.failure == MALFORMED


@pytest.mark.parametrize("content", [CONTENT + b"!", CONTENT[:-1] + b"!", b""])
def test_a_content_of_another_digest_is_malformed(content: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        check_content(content, good().material)
    assert caught.value.failure == MALFORMED


def test_a_platform_is_asked_the_same_at_every_try() -> None:
    matter = Matter()
    matter.given(ask(LICENCE))
    asked = resolve_request(MATTER_ID, matter.state, matter.request())
    assert (asked.source, asked.material_id, asked.certificate_type) == (
        "market_regulation", "business_licence", "business_licence",
    )  # fmt: skip
    assert (asked.purpose.matter_code, list(asked.purpose.item_ids)) == ("OM-17", ["01"])
    assert asked.personal_data == ask().command.resolve_materials.personal_data
    assert asked.requester.principal == "intake"
    again = resolve_request(MATTER_ID, matter.state, matter.request())
    assert asked == again


def test_ids_differ_by_matter_material_and_attempt() -> None:
    ids = {
        request_id(matter, material, attempt)
        for matter in ("a", "ab")
        for material in ("b", "bb", "abb")
        for attempt in (0, 1, 2)
    }
    assert len(ids) == 18
    framed = b"onematter.sharing.v1" + b"\0\0\0\1a" + b"\0\0\0\1b" + b"\0\0\0\1"
    assert request_id("a", "b", 1) == hashlib.sha256(framed).hexdigest()[:32]


def test_without_a_platform_nothing_else_is_needed() -> None:
    settings = ExchangeSettings.from_environment({})
    assert (settings.platform_address, settings.timeout_seconds, settings.policy) == ("", 5.0, Policy(30.0, 604_800.0))


def test_intake_is_found_among_the_peers() -> None:
    settings = ExchangeSettings.from_environment(
        {
            "ONEMATTER_DATASHARE_ADDRESS": "127.0.0.1:1",
            "ONEMATTER_PEERS": '{"intake": "127.0.0.1:2"}',
            "ONEMATTER_SHARING_GIVE_UP_SECONDS": "2.5",
        }
    )
    assert (settings.platform_address, settings.intake_address) == ("127.0.0.1:1", "127.0.0.1:2")
    assert settings.policy.give_up_seconds == 2.5


def test_a_platform_without_a_place_for_contents_is_refused() -> None:
    with pytest.raises(SettingMissing, match="ONEMATTER_INTAKE_ADDRESS"):
        ExchangeSettings.from_environment({"ONEMATTER_DATASHARE_ADDRESS": "127.0.0.1:1"})


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(SettingWrong, match="ONEMATTER_SHARING_GIVE_UP_SECONDS"):
        ExchangeSettings.from_environment({"ONEMATTER_SHARING_GIVE_UP_SECONDS": text})
