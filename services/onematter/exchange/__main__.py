"""Run the exchange: `python -m onematter.exchange`. Its own settings stand in `settings`."""

from __future__ import annotations

from functools import partial

from onematter.backbone.program import Parts, Runtime, run
from onematter.backbone.service import Change
from onematter.exchange import handlers
from onematter.exchange.caller import Bounds, Caller
from onematter.exchange.platform import GrpcPlatform, IntakeContents
from onematter.exchange.servicer import SERVICE_NAME, ExchangeServicer, add_to
from onematter.exchange.settings import ExchangeSettings
from onematter.exchange.v1.exchange_commands_pb2 import ExchangeCommand
from onematter.exchange.v1.exchange_events_pb2 import ExchangeEvent
from onematter.exchange.v1.exchange_state_pb2 import SharingState

_RESULTS = {
    "material_resolved": "resolved",
    "sharing_refused": "refused",
    "sharing_delayed": "delayed",
    "sharing_failed": "failed",
}


def build(runtime: Runtime) -> Parts:
    """Return the parts of the exchange."""
    settings = ExchangeSettings.from_environment()
    deployment, table = runtime.deployment.name, runtime.table
    commands_topic = table.commands_topic(deployment)

    async def tell(matter_id: str, command: ExchangeCommand) -> None:
        await runtime.doors.tell(commands_topic, matter_id, command, request_id=command.request_id)

    platform = GrpcPlatform(settings.platform_address) if settings.platform_address else None
    contents = IntakeContents(settings.intake_address)
    caller = Caller(
        platform,
        contents,
        runtime.queries,
        tell,
        runtime.metrics,
        principal=deployment,
        bounds=Bounds(call_seconds=settings.timeout_seconds),
        recorder=runtime.recorder,
    )

    async def call() -> None:
        try:
            await caller.run()
        finally:
            await contents.close()
            if platform is not None:
                await platform.close()

    sharings = runtime.metrics["sharings_total"]

    def observe(change: Change[SharingState, ExchangeEvent]) -> None:
        event = change.event
        kind = event.WhichOneof("event") if event is not None else None
        if event is None or kind is None:
            return
        if kind == "materials_requested":
            caller.wake()
        elif kind in _RESULTS:
            sharings.labels(getattr(event, kind).source, _RESULTS[kind]).inc()

    servicer = ExchangeServicer(runtime.queries, caller, deployment, table.events_topic(deployment))
    return Parts(
        aggregate=handlers.aggregate(settings.policy, table, deployment),
        add_servicers=partial(add_to, servicer=servicer),
        service_names=(SERVICE_NAME,),
        observe=observe,
        background=call,
    )


if __name__ == "__main__":
    run("exchange", build)
