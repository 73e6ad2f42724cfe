"""The made-up platform: its registers, its page, its switches, and its answers over gRPC."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from onematter.backbone.catalogue_files import load_catalogue
from onematter.common.v1.application_pb2 import Party, PartyDetails, PartyRole, PersonalData, TrustClass
from onematter.contracts.times import unix_ms
from onematter.datashare.v1.datashare_service_pb2 import FetchMaterialRequest, ResolveRequest, ResolveResponse
from onematter.datashare.v1.datashare_service_pb2_grpc import (
    ResolverServiceStub,
    add_ResolverServiceServicer_to_server,
)
from onematter.law.calendar import legal_date
from onematter.local.platform.registers import REGISTERS, look_up
from onematter.local.platform.servicer import Resolver
from onematter.local.platform.switches import ALL, Switch, of, read, set_switch

NOW = 1_795_428_000.0


def wanted(material_id: str = "business_licence", name: str = "甲公司", **more: Any) -> ResolveRequest:
    request = ResolveRequest(
        request_id="r-1", matter_number="m-1", material_id=material_id, source="market_regulation",
        media_types=["application/pdf"], max_bytes=10_000_000, **more,
    )  # fmt: skip
    request.parties.append(Party(party_id="p1", role=PartyRole.PARTY_ROLE_APPLICANT))
    request.personal_data.plain = PersonalData(parties=[PartyDetails(party_id="p1", name=name)]).SerializeToString()
    return request


def test_every_material_that_the_catalogue_shares_has_a_register() -> None:
    types = load_catalogue().all_in_force(legal_date(int(NOW * 1000)))
    shared = {material.material_id for one in types for material in one.materials if material.share_source}
    assert shared <= set(REGISTERS)


def test_the_same_party_has_the_same_certificate_and_another_has_another() -> None:
    assert look_up(wanted()) == look_up(wanted())
    assert look_up(wanted()).number != look_up(wanted(name="乙公司")).number
    assert look_up(wanted()).number.startswith("SIM-")


def test_a_certificate_ends_after_it_begins() -> None:
    made = look_up(wanted("id_card"))
    assert made.valid_from < made.valid_until
    assert look_up(wanted()).valid_until == ""


def test_the_page_is_a_pdf_whose_places_are_right() -> None:
    content = look_up(wanted()).content
    assert content.startswith(b"%PDF-1.5\n")
    start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert content[start:].startswith(b"xref\n")
    lines = content[start:].split(b"\n")
    for number, line in enumerate(lines[3:10], start=1):
        assert content[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert "甲公司".encode("utf-16-be").hex().encode() in content


def test_encrypted_personal_data_needs_no_name() -> None:
    request = wanted()
    request.personal_data.ciphertext.key_id = "k"
    assert look_up(request).number.startswith("SIM-")


def test_switches_are_read_as_they_were_set(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    set_switch(tmp_path, "health", Switch("refused", "no", 1.0))
    set_switch(tmp_path, ALL, Switch("away"))
    switches = read(tmp_path)
    assert of(switches, "health") == Switch("refused", "no", 1.0)
    assert of(switches, "transport") == Switch("away")
    set_switch(tmp_path, ALL, Switch())
    assert of(read(tmp_path), "transport").behaviour == "found"


Asking = Callable[[ResolverServiceStub], Awaitable[Any]]


def served(directory: Path, asking: Asking, clock_seconds: Callable[[], float] = lambda: NOW) -> Any:
    """What a client gets of a platform with these switches."""

    async def run() -> Any:
        server = grpc.aio.server()
        add_ResolverServiceServicer_to_server(Resolver(directory, clock_seconds), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
                return await asking(ResolverServiceStub(channel))
        finally:
            await server.stop(None)

    return asyncio.run(run())


def test_a_small_one_comes_along_and_a_large_one_is_fetched(tmp_path: Path) -> None:
    async def asking(stub: ResolverServiceStub) -> tuple[ResolveResponse, ResolveResponse, bytes]:
        small = await stub.Resolve(wanted())
        large = await stub.Resolve(wanted("land_title"))
        request = FetchMaterialRequest(digest=large.found.material.digest)
        parts = [part.chunk async for part in stub.FetchMaterial(request)]
        return small, large, b"".join(parts)

    small, large, content = served(tmp_path, asking)
    for found, inside in ((small.found, small.found.content), (large.found, content)):
        assert hashlib.sha256(inside).digest() == found.material.digest
        assert len(inside) == found.material.size_bytes
        assert found.material.trust_class == TrustClass.TRUST_CLASS_A
    assert large.found.content == b""


def test_a_content_that_nobody_asked_for_is_not_there(tmp_path: Path) -> None:
    async def asking(stub: ResolverServiceStub) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.FetchMaterial(FetchMaterialRequest(digest=bytes(32))):
                pass
        return caught.value.code()

    assert served(tmp_path, asking) is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(("behaviour", "member"), [("refused", "refused"), ("not_found", "not_found")])
def test_a_source_gives_its_reason(tmp_path: Path, behaviour: Any, member: str) -> None:
    set_switch(tmp_path, "market_regulation", Switch(behaviour, "因故"))
    response = served(tmp_path, lambda stub: stub.Resolve(wanted()))
    assert response.WhichOneof("answer") == member
    assert getattr(response, member).reason == "因故"


def test_a_source_that_delays_answers_when_it_said(tmp_path: Path) -> None:
    set_switch(tmp_path, "market_regulation", Switch("delayed", seconds=60))
    now = [NOW]

    async def asking(stub: ResolverServiceStub) -> list[ResolveResponse]:
        answers = [await stub.Resolve(wanted())]
        now[0] += 59
        answers.append(await stub.Resolve(wanted()))
        now[0] += 1
        answers.append(await stub.Resolve(wanted()))
        return answers

    first, second, third = served(tmp_path, asking, lambda: now[0])
    assert unix_ms(first.delayed.until) == unix_ms(second.delayed.until) == (NOW + 60) * 1000
    assert third.WhichOneof("answer") == "found"


def test_a_source_that_is_away_fails_the_call(tmp_path: Path) -> None:
    set_switch(tmp_path, "market_regulation", Switch("away"))

    async def asking(stub: ResolverServiceStub) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Resolve(wanted())
        return caught.value.code()

    assert served(tmp_path, asking) is grpc.StatusCode.UNAVAILABLE


def test_what_the_catalogue_cannot_use_is_not_there(tmp_path: Path) -> None:
    request = wanted()
    request.max_bytes = 10
    response = served(tmp_path, lambda stub: stub.Resolve(request))
    assert response.WhichOneof("answer") == "not_found"
