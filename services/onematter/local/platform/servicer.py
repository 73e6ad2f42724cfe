"""The made-up platform over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import grpc.aio

from onematter.common.v1.application_pb2 import TrustClass
from onematter.contracts.times import set_unix_ms
from onematter.datashare.v1 import datashare_service_pb2 as messages
from onematter.datashare.v1.datashare_service_pb2_grpc import ResolverServiceServicer
from onematter.local.platform import switches
from onematter.local.platform.registers import MEDIA_TYPE, look_up

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["ResolverService"].full_name
CHUNK_BYTES = 64 * 1024
MAX_KEPT = 10_000
DEFAULT_REASON = "该数据不予共享"
DEFAULT_BASIS = "政务数据共享条例"


class Resolver(ResolverServiceServicer):
    """Answers from the registers, or as the switches in `directory` say."""

    def __init__(self, directory: Path, clock_seconds: Callable[[], float] = time.time) -> None:
        self._directory, self._clock_seconds = directory, clock_seconds
        # What was found and is to be fetched, by digest; when what was delayed will be there, by request.
        self._contents: OrderedDict[bytes, bytes] = OrderedDict()
        self._announced: OrderedDict[str, float] = OrderedDict()

    async def Resolve(
        self, request: messages.ResolveRequest, context: grpc.aio.ServicerContext
    ) -> messages.ResolveResponse:
        """Look a material up."""
        switch = switches.of(switches.read(self._directory), request.source)
        response = messages.ResolveResponse()
        match switch.behaviour:
            case "away":
                await context.abort(grpc.StatusCode.UNAVAILABLE, f"{request.source} does not answer")
            case "refused":
                response.refused.reason = switch.reason or DEFAULT_REASON
                response.refused.owner = request.source
                response.refused.basis = DEFAULT_BASIS
                return response
            case "not_found":
                response.not_found.reason = switch.reason or "该主体没有此项数据"
                return response
            case "delayed":
                until = self._announced.setdefault(request.request_id, self._clock_seconds() + switch.seconds)
                _bound(self._announced)
                if self._clock_seconds() < until:
                    response.delayed.reason = switch.reason or "数据源稍后答复"
                    response.delayed.owner = request.source
                    set_unix_ms(response.delayed.until, int(until * 1000))
                    return response
            case "slow":
                await asyncio.sleep(switch.seconds)
            case _:
                pass
        self._find(request, response)
        return response

    async def FetchMaterial(
        self,
        request: messages.FetchMaterialRequest,
        context: grpc.aio.ServicerContext,
    ) -> AsyncIterator[messages.FetchMaterialResponse]:
        """Send the content of what was found."""
        content = self._contents.get(request.digest)
        if content is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no material of this digest was found here lately")
            return
        for start in range(0, len(content), CHUNK_BYTES):
            yield messages.FetchMaterialResponse(chunk=content[start : start + CHUNK_BYTES])

    def _find(self, request: messages.ResolveRequest, response: messages.ResolveResponse) -> None:
        certificate = look_up(request)
        if MEDIA_TYPE not in request.media_types or len(certificate.content) > request.max_bytes:
            response.not_found.reason = f"only {MEDIA_TYPE} is there"
            return
        found = response.found
        found.issuer, found.number = request.source, certificate.number
        found.valid_from, found.valid_until = certificate.valid_from, certificate.valid_until
        material = found.material
        material.material_id = request.material_id
        material.digest = certificate.digest
        material.size_bytes = len(certificate.content)
        material.media_type = MEDIA_TYPE
        material.trust_class = TrustClass.TRUST_CLASS_A
        if certificate.is_large:
            self._contents[certificate.digest] = certificate.content
            _bound(self._contents)
        else:
            found.content = certificate.content


def _bound(kept: OrderedDict[bytes, bytes] | OrderedDict[str, float]) -> None:
    while len(kept) > MAX_KEPT:
        kept.popitem(last=False)
