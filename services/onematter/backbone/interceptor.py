"""The edge of every gRPC method: bounds it, tells of it, and turns a dependency's absence into UNAVAILABLE.

Health and reflection pass as they are: a probe is answered whatever else is refused. A method `Watch…` follows
something and has no end of its own; it ends with UNAVAILABLE when the process drains.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from traceback import clear_frames
from typing import Any, cast

import grpc

from onematter.backbone import errors
from onematter.backbone.calls import Calls, Draining
from onematter.backbone.door_calls import DoorCalls
from onematter.backbone.metrics import Metrics
from onematter.backbone.ports import Unavailable
from onematter.backbone.spans import Recorder

logger = logging.getLogger("onematter.doors")

_END = object()
_ENDED = (grpc.aio.AbortError, grpc.aio.BaseError)


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every method of ours; health and reflection pass as they are."""

    def __init__(self, metrics: Metrics, calls: Calls, recorder: Recorder | None = None) -> None:
        self._calls = calls
        self._told = DoorCalls(metrics, recorder)

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
            wrap(method, inner),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _unary(self, path: str, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            seen = self._told.begin(path, request, context)
            try:
                with self._calls.one(watching=False):
                    return await inner(request, context)
            except Exception as error:
                await _translate(error, context)
            finally:
                self._told.end(seen, context)
                del request, context

        return call

    def _stream(self, path: str, inner: Callable[..., AsyncGenerator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        watching = path.rpartition("/")[2].startswith("Watch")

        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            seen = self._told.begin(path, request, context)
            try:
                with self._calls.one(watching=watching):
                    responses = inner(request, context)
                    async with aclosing(self._until_drained(responses) if watching else responses) as open_ones:
                        async for response in open_ones:
                            yield response
            except Exception as error:
                await _translate(error, context)
            finally:
                self._told.end(seen, context)
                del request, context

        return call

    async def _until_drained(self, responses: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
        draining = asyncio.ensure_future(self._calls.draining.wait())
        following: asyncio.Future[Any] | None = None
        try:
            while True:
                following = asyncio.ensure_future(_next(responses))
                await asyncio.wait({following, draining}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    raise Draining("the service is stopping; watch again, and another process answers")
                response = following.result()
                if response is _END:
                    return
                yield response
        finally:
            draining.cancel()
            if following is not None and not following.done():
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
            await responses.aclose()


async def _next(responses: AsyncIterator[Any]) -> Any:
    return await anext(responses, _END)


async def _translate(error: Exception, context: Any) -> None:
    """What aborted already goes on; what has a code of its own gets it; the rest is a fault of ours."""
    try:
        if isinstance(error, _ENDED):
            raise error
        if isinstance(error, errors.Exhausted):
            await errors.abort_exhausted(context, error)
        if isinstance(error, Unavailable):
            reason = "DRAINING" if isinstance(error, Draining) else "DEPENDENCY_AWAY"
            await errors.abort_retry(context, grpc.StatusCode.UNAVAILABLE, str(error), 2, reason)
        logger.error("a method failed: %s", type(error).__name__, exc_info=error)
        await errors.abort(context, grpc.StatusCode.INTERNAL, "the service failed; its log says why")
    except _ENDED as ended:
        # grpc's state of the call keeps this exception, which keeps the frames, which keep grpc's state: what they
        # hold of the call would stay until the collector comes by, and it comes seldom.
        clear_frames(ended.__traceback__)
        if ended.__context__ is not None:
            clear_frames(ended.__context__.__traceback__)
        raise
    finally:
        del error, context
