"""ExchangeService over gRPC: what is asked for a matter, from what is committed here, and how the sources stand."""

from __future__ import annotations

import grpc.aio

from onematter.backbone.doors import Queries, as_of
from onematter.backbone.errors import abort_invalid, abort_not_found
from onematter.common.v1.outcome_pb2 import Reason
from onematter.exchange import store
from onematter.exchange.breaker import Breaker, Circuit
from onematter.exchange.caller import Caller
from onematter.exchange.v1 import exchange_service_pb2 as messages
from onematter.exchange.v1.exchange_service_pb2_grpc import (
    ExchangeServiceServicer,
    add_ExchangeServiceServicer_to_server,
)

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["ExchangeService"].full_name
_CIRCUITS = {
    Circuit.CLOSED: messages.CircuitState.CIRCUIT_STATE_CLOSED,
    Circuit.OPEN: messages.CircuitState.CIRCUIT_STATE_OPEN,
    Circuit.HALF_OPEN: messages.CircuitState.CIRCUIT_STATE_HALF_OPEN,
}


class ExchangeServicer(ExchangeServiceServicer):
    """Answers from the deployment's database, and of sources from this process."""

    def __init__(self, queries: Queries, caller: Caller, deployment: str, events_topic: str) -> None:
        self._queries, self._caller = queries, caller
        self._deployment, self._events_topic = deployment, events_topic

    async def ListSharings(
        self, request: messages.ListSharingsRequest, context: grpc.aio.ServicerContext
    ) -> messages.ListSharingsResponse:
        """Return what was asked for a matter, without personal data. NOT_FOUND when nothing was."""
        if not request.matter_id:
            await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MISSING)
        if "\0" in request.matter_id:
            await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MALFORMED, rule="no NUL character")
        found = await store.sharings(self._queries, request.matter_id)
        if found is None or not found[0].requests:
            await abort_not_found(context, "matter", "matter_id")
        state, ledger = found
        position = as_of(ledger, self._deployment, self._events_topic)
        return messages.ListSharingsResponse(requests=state.requests, as_of=position)

    async def ListSources(
        self,
        request: messages.ListSourcesRequest,
        context: grpc.aio.ServicerContext,
    ) -> messages.ListSourcesResponse:
        """Return the sources that this process has called, by name."""
        views = messages.ListSourcesResponse()
        for source in sorted({*self._caller.breakers, *self._caller.in_flight}):
            breaker = self._caller.breakers.get(source, Breaker())
            views.sources.add(
                source=source,
                circuit=_CIRCUITS[breaker.circuit],
                failures=breaker.failures,
                calls_in_flight=self._caller.in_flight[source],
            )
        return views


def add_to(server: grpc.aio.Server, servicer: ExchangeServicer) -> None:
    """Register the service."""
    add_ExchangeServiceServicer_to_server(servicer, server)
