"""NotificationService over gRPC: the notices of a matter, from what is committed here."""

from __future__ import annotations

import grpc.aio

from onematter.backbone.doors import Queries, as_of
from onematter.backbone.errors import abort_invalid, abort_not_found
from onematter.common.v1.outcome_pb2 import Reason
from onematter.notification import store
from onematter.notification.v1 import notification_service_pb2 as messages
from onematter.notification.v1.notification_service_pb2_grpc import (
    NotificationServiceServicer,
    add_NotificationServiceServicer_to_server,
)

SERVICE_NAME = messages.DESCRIPTOR.services_by_name["NotificationService"].full_name


class NotificationServicer(NotificationServiceServicer):
    """Answers from the deployment's database alone."""

    def __init__(self, queries: Queries, deployment: str, events_topic: str) -> None:
        self._queries = queries
        self._deployment = deployment
        self._events_topic = events_topic

    async def ListNotices(
        self, request: messages.ListNoticesRequest, context: grpc.aio.ServicerContext
    ) -> messages.ListNoticesResponse:
        """Return all notices of a matter, without the personal data of whom they are for. NOT_FOUND if unknown."""
        if not request.matter_id:
            await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MISSING)
        if "\0" in request.matter_id:
            await abort_invalid(context, "matter_id", Reason.REASON_FIELD_MALFORMED, rule="no NUL character")
        found = await store.notices_of(self._queries, request.matter_id)
        if found is None:
            await abort_not_found(context, "matter", "matter_id")
        notices, ledger = found
        return messages.ListNoticesResponse(notices=notices, as_of=as_of(ledger, self._deployment, self._events_topic))


def add_to(server: grpc.aio.Server, servicer: NotificationServicer) -> None:
    """Register the service."""
    add_NotificationServiceServicer_to_server(servicer, server)
