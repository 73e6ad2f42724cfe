"""An operator's side: indicators and parked records."""

from __future__ import annotations

import http.client
import json
from typing import Any

import click
from rich.console import Console

from onematter.backbone.v1.operations_service_pb2 import ListParkedRequest
from onematter.client.cli import labels
from onematter.client.cli.app import App, as_document, common, grid, row
from onematter.client.errors import DeadlineExceeded, Invalid, OneMatterError, Unavailable
from onematter.client.messages import checked_id
from onematter.contracts.topics import table

MAX_INDICATOR_BYTES = 4 << 20


@click.command()
@common
@click.pass_obj
def indicators(app: App) -> None:
    """Show the live indicators by level: matters finished, hours to the result, visits per matter (跑动次数)."""
    address = app.given.get("supervision") or app.local.metrics.get("supervision")
    if not address:
        raise Invalid(
            "no address of supervision is known; give --supervision HOST:PORT or ONEMATTER_SUPERVISION,"
            " or start the stack here with `onematter up`"
        )
    document = _get(address, "/indicators", app.deadline_seconds)

    def show(out: Console) -> None:
        out.print(f"{app.words('截至', 'as of')} {document.get('as_of') or '-'}", markup=False)
        made = grid(
            app.words("层级", "level"),
            app.words("办结数", "finished"),
            app.words("平均小时", "mean hours"),
            "p50",
            "p99",
            app.words("平均跑动", "visits"),
            app.words("零跑动", "none"),
            app.words("一次", "once"),
            app.words("多次", "more"),
        )
        for level, figures in document.get("levels", {}).items():
            hours, visits = figures.get("hours_to_result", {}), figures.get("visits_per_matter", {})
            cells = [hours.get("mean"), hours.get("p50"), hours.get("p99"), visits.get("mean")]
            counts = [visits.get("none"), visits.get("once"), visits.get("more")]
            row(made, level, figures.get("matters_finished", "-"), *map(_figure, cells), *map(_figure, counts))
        out.print(made)

    app.emit(document, show)


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _get(address: str, path: str, timeout_seconds: float) -> dict[str, Any]:
    try:
        connection = http.client.HTTPConnection(address, timeout=timeout_seconds)
    except (ValueError, http.client.HTTPException):
        raise Invalid(f"supervision: {address} is no address; give HOST:PORT") from None
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        with connection.getresponse() as response:
            body = response.read(MAX_INDICATOR_BYTES)
        document = json.loads(body) if response.status in (200, 503) else {}
    except TimeoutError:
        raise DeadlineExceeded(f"supervision at {address} did not answer in {timeout_seconds:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"supervision at {address}: {error}; is it running?") from None
    except ValueError:
        raise OneMatterError(f"supervision at {address} did not answer in JSON; is it the right address?") from None
    finally:
        connection.close()
    if response.status != 200:
        reason = document.get("error", f"HTTP {response.status}") if isinstance(document, dict) else response.status
        raise Unavailable(f"supervision at {address}: {reason}")
    if not isinstance(document, dict):
        raise OneMatterError(f"supervision at {address} did not answer with indicators; is it the right address?")
    return document


@click.group()
def parked() -> None:
    """Records that wait for an operator: they could not be decoded, or broke an invariant or a gap.

    Later records of the same stream wait behind them; other matters go on.
    """


_SERVICE = click.option(
    "--service", "deployment", required=True, metavar="NAME",
    type=click.Choice([d.name for d in table().deployments.values() if d.service != "supervision"]),
    help="The deployment that parked them, as intake or approval-city.",
)  # fmt: skip
_WRITER = click.option(
    "--writer", default="", metavar="NAME", help="The stream's writer, as `list` shows it.  [default: from outside]"
)
_TOPIC = click.option("--topic", required=True, metavar="TOPIC", help="The stream's topic, as `list` shows it.")


@parked.command("list")
@_SERVICE
@click.option("--matter", "matter_id", default="", metavar="ID", help="Only this matter's.")
@click.option("--page-size", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--page-token", default="", help="Go on where a page ended.")
@common
@click.pass_obj
def list_parked(app: App, deployment: str, matter_id: str, page_size: int, page_token: str) -> None:
    """List parked records with their reasons."""
    request = ListParkedRequest(matter_id=matter_id, page_size=page_size, page_token=page_token)
    with app.services() as services:
        page = services.parked(deployment, request)

    def show(out: Console) -> None:
        made = grid("matter id", "writer", "topic", "sequence", "partition/offset", "received", "reason")
        for one in page.records:
            place = one.position
            where = f"{one.partition}/{one.offset}"
            received = labels.when(one.received)
            row(made, one.matter_id, place.writer, place.topic, place.sequence, where, received, one.reason)
        out.print(made)
        if page.next_page_token:
            out.print(f"more: --page-token {page.next_page_token}", soft_wrap=True, markup=False)

    app.emit(as_document(page) or {"records": []}, show)


@parked.command("replay")
@_SERVICE
@click.argument("matter_id", metavar="ID")
@_WRITER
@_TOPIC
@common
@click.pass_obj
def replay_parked(app: App, deployment: str, matter_id: str, writer: str, topic: str) -> None:
    """Hand the parked records of a stream to the service again, in their order."""
    with app.services() as services:
        services.replay_parked(deployment, checked_id(matter_id), writer, topic)
    app.emit({"asked": "replay", "matter_id": matter_id}, lambda out: out.print("replay asked for"))


@parked.command("drop")
@_SERVICE
@click.argument("matter_id", metavar="ID")
@_WRITER
@_TOPIC
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
@click.pass_obj
def drop_parked(app: App, deployment: str, matter_id: str, writer: str, topic: str, yes: bool) -> None:
    """Give up the first parked record of a stream, and replay those behind it. This cannot be undone."""
    if not yes:
        if app.as_json:
            raise click.UsageError("--json asks no questions; add --yes to drop the record")
        click.confirm("Give up this record?", abort=True)
    with app.services() as services:
        services.drop_parked(deployment, checked_id(matter_id), writer, topic)
    app.emit({"asked": "drop", "matter_id": matter_id}, lambda out: out.print("drop asked for"))
