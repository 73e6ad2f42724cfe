"""The edge of every gRPC method: times it, counts it, and turns a dependency's absence into UNAVAILABLE."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import grpc

from onematter.backbone import errors
from onematter.backbone.metrics import Metrics
from onematter.backbone.ports import Unavailable

logger = logging.getLogger("onematter.doors")


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every method of ours; health and reflection pass as they are."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any) -> Any:
        """Give back the handler, wrapped by its kind."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or not method.startswith("/onematter."):
            return handler
        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming and not handler.response_streaming
            else grpc.unary_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        inner = handler.stream_unary or handler.unary_stream or handler.unary_unary
        wrap = self._stream if handler.response_streaming else self._unary
        return cast(Any, make)(
            wrap(method.rpartition("/")[2], inner),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _unary(self, method: str, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            began = time.monotonic()
            try:
                return await inner(request, context)
            except Exception as error:
                await _translate(error, context)
            finally:
                self._count(method, context, began)

        return call

    def _stream(self, method: str, inner: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            began = time.monotonic()
            try:
                async for response in inner(request, context):
                    yield response
            except Exception as error:
                await _translate(error, context)
            finally:
                self._count(method, context, began)

        return call

    def _count(self, method: str, context: Any, began: float) -> None:
        code = context.code()
        name = code.name if isinstance(code, grpc.StatusCode) else "OK"
        self._metrics["door_requests_total"].labels(method, name).inc()
        self._metrics["door_duration_seconds"].labels(method).observe(time.monotonic() - began)


async def _translate(error: Exception, context: Any) -> None:
    """Unavailable has a code of its own; what aborted already goes on; the rest is a fault of ours."""
    if isinstance(error, (grpc.aio.AbortError, grpc.aio.BaseError)):
        raise error
    if isinstance(error, Unavailable):
        await errors.abort_retry(context, grpc.StatusCode.UNAVAILABLE, str(error), 2)
    logger.error("a method failed: %s", type(error).__name__, exc_info=error)
    await errors.abort(context, grpc.StatusCode.INTERNAL, "the service failed; its log says why")
