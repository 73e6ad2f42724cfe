"""The edge of gRPC keeps nothing of a call that failed: a client that asks for what is not there costs no memory."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from onematter.backbone.calls import Calls
from onematter.backbone.errors import abort_not_found
from onematter.backbone.interceptor import Edge
from onematter.backbone.metrics import Metrics
from onematter.backbone.ports import Unavailable

CALLS = 50
# What grpc itself leaves of each call, whatever comes of it.
ITS_OWN_OBJECTS = 10


async def not_found(_request: Any, context: Any) -> Empty:
    await abort_not_found(context, "matter", "matter_id")


async def away(_request: Any, _context: Any) -> Empty:
    raise Unavailable("PostgreSQL: OperationalError")


async def not_found_in_a_stream(_request: Any, context: Any) -> Any:
    await abort_not_found(context, "matter", "matter_id")
    yield Empty()


HANDLERS: dict[str, Any] = {
    "NotFound": grpc.unary_unary_rpc_method_handler(not_found, Empty.FromString, Empty.SerializeToString),
    "Away": grpc.unary_unary_rpc_method_handler(away, Empty.FromString, Empty.SerializeToString),
    "WatchNotFound": grpc.unary_stream_rpc_method_handler(
        not_found_in_a_stream, Empty.FromString, Empty.SerializeToString
    ),
    "FollowNotFound": grpc.unary_stream_rpc_method_handler(
        not_found_in_a_stream, Empty.FromString, Empty.SerializeToString
    ),
}


async def objects_left(method: str, code: grpc.StatusCode) -> float:
    """Objects that only the collector could free, for each call."""
    server = grpc.aio.server(interceptors=[Edge(Metrics("intake"), Calls())])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("onematter.tests.Tests", HANDLERS),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", (("grpc.enable_http_proxy", 0),)) as channel:
            path = f"/onematter.tests.Tests/{method}"
            streams = HANDLERS[method].response_streaming
            make: Any = channel.unary_stream if streams else channel.unary_unary
            ask = make(path, request_serializer=Empty.SerializeToString, response_deserializer=Empty.FromString)

            async def once() -> None:
                call = ask(Empty())
                assert await call.code() is code

            await once()
            gc.collect()
            gc.disable()
            try:
                for _ in range(CALLS):
                    await once()
                await asyncio.sleep(0.05)
                server_side = [o for o in _garbage() if "grpc._cython" not in type(o).__module__]
                return len(server_side) / CALLS
            finally:
                gc.enable()
    finally:
        await server.stop(0)


def _garbage() -> list[Any]:
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return list(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("NotFound", grpc.StatusCode.NOT_FOUND),
        ("Away", grpc.StatusCode.UNAVAILABLE),
        ("WatchNotFound", grpc.StatusCode.NOT_FOUND),
        ("FollowNotFound", grpc.StatusCode.NOT_FOUND),
    ],
)
def test_a_call_that_failed_leaves_nothing(method: str, code: grpc.StatusCode) -> None:
    assert asyncio.run(objects_left(method, code)) <= ITS_OWN_OBJECTS
