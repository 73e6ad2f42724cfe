"""The platform as the caller sees it: asked by gRPC, with a deadline, and never believed blindly.

Rule 1: whatever goes wrong is a CallFailed with a cause of the contract; its text has nothing of the answer.
Rule 2: an answer that says "found" counts only with a material that can be used: its digest, size, media type and trust
class are checked, and its content by its digest before it is kept.
Rule 3: contents go where an applicant's uploads go, to intake, by digest; kept again, nothing happens.
"""

# Generated gRPC code has no types.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Protocol

import grpc
import grpc.aio

from onematter.backbone.spans import metadata_in_hand
from onematter.common.v1.application_pb2 import Material, TrustClass
from onematter.datashare.v1 import datashare_service_pb2 as datashare
from onematter.datashare.v1.datashare_service_pb2_grpc import ResolverServiceStub
from onematter.exchange.v1.exchange_commands_pb2 import CallFailure
from onematter.exchange.v1.exchange_events_pb2 import RequestedMaterial
from onematter.intake.v1 import intake_service_pb2 as intake
from onematter.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

DIGEST_BYTES = 32
CHUNK_BYTES = 1024 * 1024
# Of a certificate's issuer and days: what is larger would not fit into an event.
MAX_TEXT_CHARACTERS = 200
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

AWAY = CallFailure.CALL_FAILURE_AWAY
MALFORMED = CallFailure.CALL_FAILURE_MALFORMED
OWN_SIDE = CallFailure.CALL_FAILURE_OWN_SIDE
TIMED_OUT = CallFailure.CALL_FAILURE_TIMED_OUT
_TRUSTED = frozenset({TrustClass.TRUST_CLASS_A, TrustClass.TRUST_CLASS_B})


class CallFailed(Exception):
    """A call that brought nothing to be used; `detail` has no personal data."""

    def __init__(self, failure: CallFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class Platform(Protocol):
    """What is asked for materials. Both raise CallFailed."""

    async def resolve(self, request: datashare.ResolveRequest, timeout_seconds: float) -> datashare.ResolveResponse:
        """Ask for a material."""
        ...

    async def fetch(self, request_id: str, material: Material, timeout_seconds: float) -> bytes:
        """Fetch the content of a material that was found."""
        ...


class Contents(Protocol):
    """Where contents are kept."""

    async def keep(self, digest: bytes, content: bytes, timeout_seconds: float) -> None:
        """Keep a content under its digest. Raises CallFailed with OWN_SIDE."""
        ...


class GrpcPlatform:
    """A platform that implements onematter.datashare.v1.ResolverService at `address`."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, _options())
        self._stub = ResolverServiceStub(self._channel)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def resolve(self, request: datashare.ResolveRequest, timeout_seconds: float) -> datashare.ResolveResponse:
        """Ask for a material."""
        try:
            return await self._stub.Resolve(request, timeout=timeout_seconds, metadata=metadata_in_hand())
        except grpc.aio.AioRpcError as error:
            raise _failed(error) from None

    async def fetch(self, request_id: str, material: Material, timeout_seconds: float) -> bytes:
        """Fetch the content of a material that was found; never more than it said it has."""
        content = bytearray()
        request = datashare.FetchMaterialRequest(request_id=request_id, digest=material.digest)
        try:
            call = self._stub.FetchMaterial(request, timeout=timeout_seconds, metadata=metadata_in_hand())
            async for part in call:
                content += part.chunk
                if len(content) > material.size_bytes:
                    call.cancel()
                    raise CallFailed(MALFORMED, "more content than was announced")
        except grpc.aio.AioRpcError as error:
            raise _failed(error) from None
        return bytes(content)


class IntakeContents:
    """Keeps contents at intake, at `address`."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, _options())
        self._stub = IntakeServiceStub(self._channel)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def keep(self, digest: bytes, content: bytes, timeout_seconds: float) -> None:
        """Keep a content under its digest."""

        async def parts() -> AsyncIterator[intake.UploadMaterialRequest]:
            yield intake.UploadMaterialRequest(digest=digest)
            for start in range(0, len(content), CHUNK_BYTES):
                yield intake.UploadMaterialRequest(chunk=content[start : start + CHUNK_BYTES])

        try:
            await self._stub.UploadMaterial(parts(), timeout=timeout_seconds, metadata=metadata_in_hand())
        except grpc.aio.AioRpcError as error:
            raise CallFailed(OWN_SIDE, f"intake did not keep the content: {error.code().name}") from None


def check_found(found: datashare.MaterialFound, wanted: RequestedMaterial) -> None:
    """Raise CallFailed when what was found cannot be used for what was wanted."""
    material = found.material
    if len(material.digest) != DIGEST_BYTES:
        raise CallFailed(MALFORMED, "a digest that is no SHA-256")
    if not 0 < material.size_bytes <= wanted.max_bytes:
        raise CallFailed(MALFORMED, f"a size that is not from 1 to {wanted.max_bytes} bytes")
    if material.media_type.lower() not in wanted.media_types:
        raise CallFailed(MALFORMED, "a media type that the catalogue does not take")
    if material.trust_class not in _TRUSTED:
        raise CallFailed(MALFORMED, "a trust class other than A and B")
    if max(map(len, (found.issuer, found.valid_from, found.valid_until))) > MAX_TEXT_CHARACTERS:
        raise CallFailed(MALFORMED, f"a certificate's text of more than {MAX_TEXT_CHARACTERS} characters")


def check_content(content: bytes, material: Material) -> None:
    """Raise CallFailed when a content is not that of its material."""
    if len(content) != material.size_bytes or hashlib.sha256(content).digest() != material.digest:
        raise CallFailed(MALFORMED, "a content that has another digest or size")


def _options() -> list[tuple[str, int]]:
    return [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]


def _failed(error: grpc.aio.AioRpcError) -> CallFailed:
    # The platform's own text may repeat what it was asked.
    name = error.code().name
    return CallFailed(TIMED_OUT if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else AWAY, name)
