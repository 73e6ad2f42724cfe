"""What the demo prints at its end: the one result of each matter, the notices, the verified receipt, the addresses."""

from __future__ import annotations

import http.client
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from onematter.client.cli import labels
from onematter.client.cli.app import App
from onematter.contracts.times import unix_ms
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.local.demo.board import delivered
from onematter.local.demo.run import SUPERVISION, Run
from onematter.local.demo.words import Words
from onematter.local.stack import Stack
from onematter.notification.v1.notification_events_pb2 import NoticeKind

HTTP_TIMEOUT_SECONDS = 2.0
# The type of a document that is no certificate: the decision itself (决定书).
DECISION = "decision"


def show(console: Console, run: Run, words: Words, directory: Path) -> None:
    """Print all of it."""
    for matter_id, matter in run.matters.items():
        view = run.board.views.get(matter_id)
        if view is not None:
            _result(console, run, view, words, Text(f"{matter.code} {words.name(view.name)}"))
            together = run.board.together.get(matter_id)
            if together is not None:
                items = ", ".join(f"{words.level(one.level)} {one.item_id}" for one in together.items)
                _say(console, words.both("三级同时在办", "open at one moment"), items)
    _notices(console, run, words, directory)
    _receipts(console, run, words)
    _indicators(console, run.stack, words)


def _result(console: Console, run: Run, view: MatterView, words: Words, name: Text) -> None:
    app = App(language=words.language)
    _heading(console, words.both("综合出件", "The one result"), name)
    _say(console, words.both("办件编号", "matter number"), view.matter_number)
    _say(console, words.both("办件标识", "matter id"), view.matter_id)
    _say(console, words.both("结果", "outcome"), labels.matter(view, app))
    milliseconds = unix_ms(view.completed) - unix_ms(view.handed_in)
    _say(console, words.both("用时", "took"), took(milliseconds))
    _say(console, words.both("跑动次数", "visits"), str(view.visits))
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    made.add_column(words.both("事项", "item"), overflow="fold", ratio=3)
    made.add_column(words.both("办理机关", "where"), overflow="fold", ratio=3)
    made.add_column(words.both("结果", "outcome"), overflow="fold", ratio=2)
    made.add_column(words.both("意见", "opinion"), overflow="fold", ratio=4)
    for state in view.items:
        item, result = state.item, state.result
        place = words.place(item)
        if state.HasField("promised_deadline"):
            place += f"\n{words.both('承诺', 'promised')} {labels.day(state.promised_deadline)}"
        seconds = (unix_ms(result.time) - unix_ms(view.handed_in)) / 1000
        rule = run.rules.get((view.matter_id, item.item_id), "")
        made.add_row(
            Text(f"{item.item_id} {words.name(item.name)}"),
            Text(place),
            Text(f"{labels.item(state, app)}\n{seconds:.2f} s"),
            Text(result.opinion or (f"{words.both('规则', 'rule')}: {rule}" if rule else "")),
        )
    console.print(made)
    _made_on_the_way(console, view, words)
    _not_asked(console, run, view, words)


def _made_on_the_way(console: Console, view: MatterView, words: Words) -> None:
    """Which certificate opened which items: a dependency is a certificate that another item made."""
    for state in view.items:
        opened = [one.item.item_id for one in view.items if state.item.item_id in one.item.depends_on]
        numbers = [one.number for one in state.result.certificates if one.certificate_type != DECISION]
        if opened and numbers:
            made = f"{state.item.item_id} {words.name(state.item.name)} ({', '.join(numbers)})"
            opens = f"{words.both('随即开办', 'opened')} {', '.join(opened)}"
            _say(console, words.both("途中生成证照", "certificate made on the way"), f"{made} → {opens}")


def _not_asked(console: Console, run: Run, view: MatterView, words: Words) -> None:
    """What the government holds or made itself, and therefore did not ask (免证办)."""
    names = run.materials.get(view.matter_code, {})
    for held in view.held_materials:
        name = names.get(held.material_id)
        source = words.department(held.source) if held.source else words.both("本件途中生成", "made on the way")
        said = words.name(name) if name is not None else held.material_id
        _say(console, words.both("未要求提交", "not asked"), f"{said}: {source}")


def _notices(console: Console, run: Run, words: Words, directory: Path) -> None:
    file = directory / "data" / "notification" / "notices.db"
    bodies = bodies_in(file)
    _heading(console, words.both("告知", "Notices sent"))
    found = 0
    total = 0
    for matter_id, matter in run.matters.items():
        for notice_id, state in run.board.notices.get(matter_id, {}).items():
            total += delivered(state)
            found += notice_id in bodies
            about = state.notice.parameters.get("item_name", "")
            # The result's text whole, as it stands in the channel; of the others what they are about.
            is_result = state.notice.kind == NoticeKind.NOTICE_KIND_RESULT
            said = bodies.get(notice_id, "") if is_result else about
            kind = words.kind(state.notice.kind)
            console.print(Text(f"{matter.code} {labels.when(state.time)} {kind} {said}".rstrip()), soft_wrap=True)
    stand = words.pick(f"{found}/{total} 件在通道文件", f"{found} of {total} stand in the channel's file")
    console.print(Text(f"{stand} {file}"), soft_wrap=True)


def bodies_in(file: Path) -> dict[str, str]:
    """What stands in the file of the notices, by notice_id; nothing where it cannot be read."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT notice_id, document FROM notices").fetchall()
        return {notice_id: str(json.loads(document)["body"]) for notice_id, document in rows}
    except (sqlite3.Error, ValueError, KeyError, TypeError):
        return {}


def _receipts(console: Console, run: Run, words: Words) -> None:
    for matter_id, sealed in run.sealed.items():
        name = Text(f"{run.matters[matter_id].code} {sealed.receipt.matter_number}")
        _heading(console, words.both("回执核验", "Receipt checked from the archive"), name)
        for check in sealed.verified.checks:
            console.print(Text("✓ ", "green") + Text(f"{check.name}: {check.said}"), soft_wrap=True)
        if sealed.verified.difference is None:
            console.print(Text(words.both("核验通过", "verified"), "bold green"))
        else:
            console.print(Text(sealed.verified.difference, "bold red"), soft_wrap=True)


def _indicators(console: Console, stack: Stack, words: Words) -> None:
    process = stack.supervisor.processes.get(SUPERVISION)
    if process is not None and not process.alive():
        ended = words.both("实时指标缺失", "no indicators")
        how = str(process.died()).partition(". ")[0]
        console.print(Text(f"\n{ended}: {how}; {process.spec.log}", "yellow"), soft_wrap=True)
        return
    levels = _figures(stack)
    if not levels:
        return
    _heading(console, words.both("实时指标", "Live indicators"), Text(words.pick("（本机全部）", "(all runs here)")))
    for level, figures in levels.items():
        hours = figures.get("hours_to_result", {}).get("mean")
        visits = figures.get("visits_per_matter", {}).get("mean")
        finished = figures.get("matters_finished", 0)
        if not finished:
            continue
        said = words.pick(
            f"办结 {finished}，平均 {hours} 小时，跑动 {visits} 次",
            f"{finished} finished, {hours} hours on average, {visits} visits a matter",
        )
        _say(console, level, said)


def _figures(stack: Stack) -> dict[str, Any]:
    """What supervision shows; nothing where it lags or is away, which is no failure of the demo."""
    address = stack.addresses.services.get(SUPERVISION)
    if address is None:
        return {}
    connection = http.client.HTTPConnection(address.metrics, timeout=HTTP_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/indicators")
        answer = connection.getresponse()
        document = json.loads(answer.read()) if answer.status == http.HTTPStatus.OK else {}
        levels = document.get("levels")
        return levels if isinstance(levels, dict) else {}
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return {}
    finally:
        connection.close()


def addresses(console: Console, stack: Stack, words: Words, directory: Path) -> None:
    """Print where everything is reached; a database's password stays in the stack's own file."""
    _heading(console, words.both("地址", "Addresses"))
    for name, address in stack.addresses.services.items():
        grpc = f"gRPC {address.grpc}  " if address.grpc else ""
        _say(console, name, f"{grpc}http://{address.metrics}/metrics")
    _say(console, "kafka", stack.addresses.kafka_bootstrap_servers)
    _say(console, "postgres", without_password(stack.addresses.database_url))
    _say(console, words.both("日志", "logs"), str(directory / "logs"))


def without_password(url: str) -> str:
    """A URL with its password hidden."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}:***{at}{host}" if colon else parts.netloc))


def took(milliseconds: int) -> str:
    """A length of time: seconds below a minute, else hours; beyond a day with the days."""
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s ({milliseconds / 3_600_000:.4f} h)"
    hours = milliseconds / 3_600_000
    return f"{hours / 24:.1f} d ({hours:.1f} h)" if hours >= 24 else f"{hours:.3f} h"


def _heading(console: Console, title: str, more: Text | None = None) -> None:
    console.print()
    console.print(Text(f"== {title} ", "bold") + (more or Text("")), soft_wrap=True)


def _say(console: Console, name: str, value: str) -> None:
    console.print(Text(f"{name}: ", "dim") + Text(value), soft_wrap=True)
