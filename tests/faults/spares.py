"""A deployment's process of a running product, in the place of the usual one, with settings of its own."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
import psycopg
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status
from psycopg import sql
from tests.addresses import free_addresses, get
from tests.live import SUBMISSIONS, Live
from tests.tail import poll

from onematter.local.processes import ManagedProcess, stop_processes

READY_SECONDS = 120.0


def ask(address: str, path: str) -> int:
    """The status of GET `path`; 0 when nobody answers."""
    return get(address, path, timeout_seconds=5)[0]


@dataclass
class Spare:
    """The process, where it is reached, and a channel to it."""

    process: ManagedProcess
    metrics: str
    channel: grpc.Channel

    @property
    def alive(self) -> bool:
        """Whether /healthz is green."""
        return ask(self.metrics, "/healthz") == 200

    @property
    def ready(self) -> bool:
        """Whether /readyz is green."""
        return ask(self.metrics, "/readyz") == 200


@contextmanager
def spare(live: Live, name: str, environment: Mapping[str, str], *, ready: bool = True) -> Generator[Spare]:
    """Stop the usual process of a deployment, run another one meanwhile, and bring the usual one back."""
    supervisor = live.stack.supervisor
    spec = supervisor.processes[name].spec
    stop_processes([supervisor.processes[name]])
    grpc_address, metrics = free_addresses(2)
    own = {"ONEMATTER_GRPC_ADDRESS": grpc_address, "ONEMATTER_METRICS_ADDRESS": metrics, **environment}
    changed = replace(
        spec, name=f"{name}-spare", log=spec.log.with_name(f"{name}-spare.log"), environment={**spec.environment, **own}
    )
    process = supervisor.start(changed)
    try:
        with grpc.insecure_channel(grpc_address, (("grpc.enable_http_proxy", 0),)) as channel:
            made = Spare(process, metrics, channel)
            if ready:
                supervisor.wait_ready(process, lambda: made.ready, READY_SECONDS)
            yield made
    finally:
        stop_processes([process])
        supervisor.processes.pop(changed.name)
        live.stack.restart(name, ready_timeout_seconds=READY_SECONDS)


@contextmanager
def blocked(live: Live, schema: str) -> Generator[None]:
    """Every step of a deployment waits for its lanes until the end of this."""
    with psycopg.connect(live.database_url) as holder:
        holder.execute(sql.SQL("SELECT 1 FROM {}.lanes FOR UPDATE").format(sql.Identifier(schema)))
        yield


def told(error: grpc.RpcError) -> tuple[grpc.StatusCode, str, int]:
    """Code, reason and seconds to wait of a call that was not taken."""
    failed: Any = error
    status = rpc_status.from_call(failed)
    info, retry = ErrorInfo(), RetryInfo()
    for detail in status.details if status is not None else ():
        for message in (info, retry):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    return failed.code(), info.reason, retry.retry_delay.seconds


def refusal_of(call: Any) -> tuple[grpc.StatusCode, str, int]:
    """What is told to a call that must not be taken."""
    try:
        call()
    except grpc.RpcError as error:
        return told(error)
    raise AssertionError("the call was taken")


def handed_in(live: Live, matter_ids: set[str]) -> None:
    """Wait until the commands of these matters stand on the topic."""
    live.tail.until(
        lambda: matter_ids <= {(r.key or b"").decode(errors="replace") for r in live.tail.records[SUBMISSIONS]},
        "the commands stand on the topic",
    )


__all__ = ["Spare", "ask", "blocked", "handed_in", "poll", "refusal_of", "spare", "told"]
