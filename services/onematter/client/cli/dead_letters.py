"""Dead letters over all services: what could not be taken in, what an operator does about it, and the log of that.

Rule 1: a record is named by its place, TOPIC/PARTITION/OFFSET, and a change is about exactly that record.
Rule 2: a change asks on a terminal unless --yes; where nobody can be asked, it needs --yes.
Rule 3: what is told is what happened when the lane's owner carried it out, or that it is not carried out yet.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console

from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.client.channel import Services
from onematter.client.cli import labels, operating_labels
from onematter.client.cli.app import App, as_document, common, grid, row
from onematter.client.cli.options import Sender, repeatable, sending
from onematter.client.cli.usage import Usage
from onematter.client.errors import DeadlineExceeded, Invalid, NotFound, OneMatterError, Unavailable
from onematter.client.findings import place_text, short
from onematter.client.messages import actor_of, checked_id
from onematter.contracts.topics import table

F = TypeVar("F", bound=Callable[..., Any])

PAGE_SIZE = 200
_STATUSES: dict[str, Any] = {
    name.removeprefix("DEAD_LETTER_STATUS_").lower().replace("_", "-"): number
    for name, number in pb.DeadLetterStatus.items()
    if number
}
_SERVICE = click.option(
    "--service", "deployment", metavar="NAME", default=None,
    type=click.Choice([d.name for d in table().deployments.values() if d.service != "supervision"]),
    help="Only this deployment, as intake or approval-city.  [default: all that are known]",
)  # fmt: skip
_ROLE = click.option(
    "--role", type=click.Choice(("operator", "supervisor")), default="operator", show_default=True,
    help="As what you act.",
)  # fmt: skip
_LIMIT = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many."
)


@click.group("dead-letters")
def dead_letters() -> None:
    """Records that a service could not take in (死信): list, show, replay, drop; log tells what was done.

    Parked records wait, and later records of the same stream behind them; other matters go on. What was set aside
    holds up nothing.
    """


def changing(command: F) -> F:
    """Give a command what every change says: who, why, and --yes. It gets a `sender`, `role`, `reason` and `yes`."""
    reason = click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the log. No personal data.")
    yes = click.option("--yes", is_flag=True, help="Do not ask.")
    return reason(_ROLE(yes(sending(common(command)))))  # type: ignore[return-value]


def place_of(text: str) -> pb.RecordPlace:
    """The place in TOPIC/PARTITION/OFFSET. Raises Invalid."""
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise Invalid(
            f"PLACE: {text} is no place; write TOPIC/PARTITION/OFFSET, as `onematter dead-letters list` shows it",
            f"PLACE：{text} 不是记录的位置；请写作 主题/分区/偏移，如 onematter dead-letters list 所示",
        )
    if int(partition) >= 1 << 31 or int(offset) >= 1 << 63:
        raise Invalid("PLACE: a number is out of range", "PLACE：数字超出范围")
    return pb.RecordPlace(topic=topic, partition=int(partition), offset=int(offset))


def letters_of(
    services: Services, deployment: str, matter_id: str, statuses: Sequence[pb.DeadLetterStatus], limit: int
) -> Iterator[pb.DeadLetter]:
    """A deployment's dead letters, `limit` at most."""
    token, left = "", limit
    while left > 0:
        request = pb.ListDeadLettersRequest(
            matter_id=matter_id,
            statuses=statuses,
            page_size=min(left, PAGE_SIZE),
            page_token=token,
        )
        page = services.dead_letters(deployment, request)
        yield from page.dead_letters
        left -= len(page.dead_letters)
        token = page.next_page_token
        if not token:
            return


def _asked(services: Services, deployment: str | None) -> Sequence[str]:
    known = [deployment] if deployment else services.operated_deployments()
    if not known:
        raise Invalid(
            "no address of a service is known; give --intake HOST:PORT and its like, or start the stack here with"
            " `onematter up`",
            "不知道任何服务的地址；请用 --intake HOST:PORT 等给出，或在本机运行 onematter up",
        )
    return known


@dead_letters.command("list")
@_SERVICE
@click.option("--matter", "matter_id", default="", metavar="ID", help="Only of this matter.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(tuple(_STATUSES)),
              help="May be given several times.  [default: parked and set-aside]")  # fmt: skip
@_LIMIT
@common
@click.pass_context
def list_letters(
    context: click.Context, deployment: str | None, matter_id: str, statuses: tuple[str, ...], limit: int
) -> None:
    """List what is parked and what was set aside, over all services.

    A service that does not answer is named, and the exit code is 3.
    """
    app: App = context.obj
    wanted = checked_id(matter_id) if matter_id else ""
    found: list[tuple[str, pb.DeadLetter]] = []
    away: dict[str, OneMatterError] = {}
    with app.services() as services:
        for one in _asked(services, deployment):
            try:
                numbers = [_STATUSES[status] for status in statuses]
                found += [(one, letter) for letter in letters_of(services, one, wanted, numbers, limit + 1)]
            except (Unavailable, DeadlineExceeded) as error:
                away[one] = error

    def show(out: Console) -> None:
        # Two lines each and none wrapped: a place is to be copied whole.
        for name, letter in found[:limit]:
            status, received = operating_labels.letter(letter, app), labels.when(letter.received)
            stream = f"{letter.position.writer or '-'} {letter.position.sequence or '-'}"
            for line in (
                f"{name}  {place_text(letter.record)}  {status}",
                f"    {letter.matter_id or '-'}  {stream}  {received}  {letter.reason}",
            ):
                out.print(line, soft_wrap=True, markup=False)
        if not found:
            out.print(app.words("没有死信", "no dead letters"))
        if len(found) > limit:
            out.print(app.words("还有更多；请加大 --limit", "there are more; give a larger --limit"))
        for name, error in away.items():
            out.print(f"{name}: {error.said(app.language)}", soft_wrap=True, markup=False)

    listed = [{"deployment": name, **letter_document(letter)} for name, letter in found[:limit]]
    app.emit(
        {"dead_letters": listed, "more": len(found) > limit, "unreachable": sorted(away)},
        show,
    )
    if away:
        context.exit(Unavailable.exit_code)


def letter_document(letter: pb.DeadLetter) -> dict[str, Any]:
    """A dead letter as JSON: its digest in hexadecimal, its status by its short name."""
    document = as_document(letter)
    document["digest"] = letter.digest.hex()
    document["place"] = place_text(letter.record)
    document["status"] = short(pb.DeadLetterStatus, letter.status).lower()
    return document


def find_letter(services: Services, deployment: str | None, place: pb.RecordPlace) -> tuple[str, Any]:
    """The deployment that has a record, and what it says of it. Raises NotFound, and Invalid where several have it."""
    found: list[tuple[str, Any]] = []
    for one in _asked(services, deployment):
        try:
            found.append((one, services.dead_letter(one, pb.GetDeadLetterRequest(record=place))))
        except NotFound:
            continue
    if not found:
        raise NotFound(
            f"no dead letter at {place_text(place)}; see `onematter dead-letters list`",
            f"{place_text(place)} 处没有死信；请用 onematter dead-letters list 查看",
        )
    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        raise Invalid(
            f"several services have it: {names}; say which with --service",
            f"多个服务都有这条记录：{names}；请用 --service 指明",
        )
    return found[0]


@dead_letters.command("show")
@click.argument("place", metavar="PLACE")
@_SERVICE
@click.option("--raw", "raw", metavar="FILE", type=click.Path(dir_okay=False), default=None,
              help="Write the record's bytes to FILE as well; needs --reason, and stands in the log.")  # fmt: skip
@click.option("--reason", default="", metavar="TEXT", help="Why the bytes are read.")
@_ROLE
@sending
@common
@click.pass_obj
def show_letter(
    app: App, sender: Sender, place: str, deployment: str | None, raw: str | None, reason: str, role: str
) -> None:
    """Show a dead letter: where it comes from, why, and what it is.

    Personal data and free text are masked, and the bytes are not shown. PLACE is TOPIC/PARTITION/OFFSET.
    """
    if raw and not reason:
        raise Usage("--raw needs --reason TEXT: who reads a record's bytes says why", "--raw 须同时给出 --reason")
    where = place_of(place)
    with app.services() as services:
        name, shown = find_letter(services, deployment, where)
        if raw:
            request = pb.GetDeadLetterRequest(record=where)
            request.raw.request_id, request.raw.reason = sender.request_id, reason
            request.raw.actor.CopyFrom(actor_of(sender.principal, role))
            shown = services.dead_letter(name, request)
            _write(raw, shown)
    letter = shown.dead_letter
    decoded = json.loads(shown.masked_json) if shown.masked_json else None

    def show(out: Console) -> None:
        made = grid("", "")
        told = [
            (app.words("服务", "service"), name),
            (app.words("位置", "place"), place_text(letter.record)),
            (app.words("状态", "status"), operating_labels.letter(letter, app)),
            (app.words("原因", "reason"), letter.reason),
            (app.words("办件标识", "matter id"), letter.matter_id or "-"),
            (app.words("流", "stream"), f"{letter.position.writer or '-'} {letter.position.sequence or '-'}"),
            (app.words("收到", "received"), labels.when(letter.received)),
            (app.words("类型", "type"), letter.type or "-"),
            (app.words("大小", "size"), f"{letter.size_bytes} B"),
            ("SHA-256", letter.digest.hex()),
        ]
        if letter.operation:
            told.append((app.words("操作", "operation"), f"{letter.operation}  {labels.when(letter.ended)}"))
        for title, value in told:
            row(made, title, value)
        for header in shown.headers:
            row(made, f"  {header.name}", header.value)
        out.print(made)
        if decoded is None:
            out.print(app.words("内容不能解码，或不再保存", "it does not decode, or is kept no more"))
        else:
            out.print(f"{shown.message}\n{json.dumps(decoded, ensure_ascii=False, indent=2)}", markup=False)

    headers = {header.name: header.value for header in shown.headers}
    document = letter_document(letter) | {"deployment": name, "headers": headers}
    app.emit(document | {"message": shown.message, "content": decoded}, show)


def _write(path: str, shown: pb.GetDeadLetterResponse) -> None:
    if not shown.HasField("value"):
        raise NotFound(
            "its bytes are kept no more, or were too large; the dead-letters topic has them",
            "不再保存其内容，或内容过大；请到死信主题读取",
        )
    try:
        # Personal data may stand in it: nobody else's to read.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(shown.value)
    except OSError as error:
        raise Invalid(f"--raw: {path}: {error.strerror}", f"--raw：{path}：{error.strerror}") from None


@dead_letters.command("replay")
@click.argument("place", metavar="PLACE")
@_SERVICE
@changing
@click.pass_obj
def replay_letter(app: App, sender: Sender, **given: Any) -> None:
    """Hand a parked stream to its service again, in order, from its first record on, which PLACE names.

    It stops at the first record that fails again (exit code 1): that one and those behind it go on waiting.
    """
    _change(app, sender, pb.ReplayDeadLetterRequest, Services.replay_dead_letter, **given)


@dead_letters.command("drop")
@click.argument("place", metavar="PLACE")
@_SERVICE
@changing
@click.pass_obj
def drop_letter(app: App, sender: Sender, **given: Any) -> None:
    """Give up the record at PLACE, for good, and replay what waits behind it. This cannot be undone."""
    _change(app, sender, pb.DropDeadLetterRequest, Services.drop_dead_letter, **given)


def confirm(app: App, yes: bool, question: str) -> None:
    """Ask on a terminal. Raises Usage where nobody can be asked."""
    if yes:
        return
    if app.as_json or not sys.stdin.isatty():
        raise Usage("nobody can be asked here; add --yes", "此处无法确认；请加上 --yes")
    click.confirm(question, abort=True)


def _change(
    app: App, sender: Sender, kind: Any, call: Callable[..., pb.Operation], *, place: str, deployment: str | None,
    reason: str, role: str, yes: bool,
) -> None:  # fmt: skip
    where = place_of(place)
    request = kind(request_id=sender.request_id, actor=actor_of(sender.principal, role), reason=reason, record=where)
    drops = kind is pb.DropDeadLetterRequest
    with app.services() as services:
        name, shown = find_letter(services, deployment, where)
        what = f"{name}  {place_text(where)}  {shown.dead_letter.reason}"
        asked = ("放弃这条记录？此操作不能撤销", "Give up this record, for good?") if drops else ("重放？", "Replay?")
        confirm(app, yes, f"{what}\n{app.words(*asked)}")
        try:
            operation = call(services, name, request)
        except OneMatterError as error:
            raise repeatable(error, sender.request_id) from None
    tell(app, name, operation)


def tell(app: App, deployment: str, operation: pb.Operation) -> None:
    """Say what came of an operation; ends with 1 where a record goes on waiting."""
    app.emit(
        operation_document(deployment, operation),
        lambda out: out.print(operating_labels.outcome(operation, app), soft_wrap=True, markup=False),
    )
    if operation.status == pb.OperationStatus.OPERATION_STATUS_STOPPED:
        click.get_current_context().exit(1)


def operation_document(deployment: str, operation: pb.Operation) -> dict[str, Any]:
    """An operation as JSON, kind and status by their short names."""
    document = as_document(operation)
    document["kind"] = short(pb.OperationKind, operation.kind).lower()
    document["status"] = short(pb.OperationStatus, operation.status).lower()
    return {"deployment": deployment, **document}


@dead_letters.command("log")
@_SERVICE
@click.option("--matter", "matter_id", default="", metavar="ID", help="Only of this matter.")
@_LIMIT
@common
@click.pass_obj
def show_log(app: App, deployment: str | None, matter_id: str, limit: int) -> None:
    """Show what operators asked, and what came of it (审计), newest first."""
    wanted = checked_id(matter_id) if matter_id else ""
    found: list[tuple[str, pb.Operation]] = []
    with app.services() as services:
        for name in _asked(services, deployment):
            token = ""
            while True:
                request = pb.ListOperationsRequest(matter_id=wanted, page_size=min(limit, PAGE_SIZE), page_token=token)
                page = services.operations(name, request)
                found += [(name, one) for one in page.operations]
                token = page.next_page_token
                if not token or len(found) >= limit * len(services.addresses):
                    break
    found.sort(key=lambda one: one[1].asked.ToMilliseconds(), reverse=True)

    def show(out: Console) -> None:
        for name, one in found[:limit]:
            about = place_text(one.record) if one.HasField("record") else one.matter_id
            kind, outcome = operating_labels.kind(one.kind, app), operating_labels.outcome(one, app)
            for line in (
                f"{labels.when(one.asked)}  {name}  {kind}  {about}",
                f"    {one.actor.principal}  {one.reason}",
                f"    → {outcome}",
            ):
                out.print(line, soft_wrap=True, markup=False)
        if not found:
            out.print(app.words("没有操作记录", "nothing was asked"))

    app.emit({"operations": [operation_document(name, one) for name, one in found[:limit]]}, show)
