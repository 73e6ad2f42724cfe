"""An operator's side: indicators."""

from __future__ import annotations

import http.client
import json
from typing import Any

import click
from rich.console import Console

from onematter.client.cli.app import App, common, grid, row
from onematter.client.errors import DeadlineExceeded, Invalid, OneMatterError, Unavailable

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
            " or start the stack here with `onematter up`",
            "不知道效能监督服务的地址；请用 --supervision HOST:PORT 或 ONEMATTER_SUPERVISION 给出，"
            "或在本机运行 onematter up",
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
        raise Invalid(
            f"supervision: {address} is no address; give HOST:PORT",
            f"supervision：{address} 不是地址；请写作 HOST:PORT",
        ) from None
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        with connection.getresponse() as response:
            body = response.read(MAX_INDICATOR_BYTES)
        document = json.loads(body) if response.status in (200, 503) else {}
    except TimeoutError:
        raise DeadlineExceeded(
            f"supervision at {address} did not answer in {timeout_seconds:g} s",
            f"效能监督服务 {address} 未在 {timeout_seconds:g} 秒内答复",
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"supervision at {address}: {error}; is it running?", f"效能监督服务 {address}：{error}；请确认是否在运行"
        ) from None
    except ValueError:
        raise OneMatterError(
            f"supervision at {address} did not answer in JSON; is it the right address?",
            f"效能监督服务 {address} 的答复不是 JSON；请核对地址",
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        reason = document.get("error", f"HTTP {response.status}") if isinstance(document, dict) else response.status
        raise Unavailable(f"supervision at {address}: {reason}", f"效能监督服务 {address}：{reason}")
    if not isinstance(document, dict):
        raise OneMatterError(
            f"supervision at {address} did not answer with indicators; is it the right address?",
            f"效能监督服务 {address} 的答复不是指标；请核对地址",
        )
    return document
