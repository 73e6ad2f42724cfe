"""The applicant's side: submit, progress, query, supply, withdraw, notices."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from onematter.client import submission
from onematter.client.channel import Services
from onematter.client.cli import labels
from onematter.client.cli.app import App, as_document, common, console, grid, matter_id_argument, row
from onematter.client.cli.options import Sender, ask, asking, repeatable, sending
from onematter.client.cli.showing import material_names, view_table
from onematter.client.errors import Invalid, OneMatterError, Unavailable
from onematter.client.handling import supply_command
from onematter.client.messages import (
    AnyMaterial,
    MaterialFile,
    PartyInput,
    application_of,
    submit_command,
    withdraw_command,
)
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.intake.v1.intake_service_pb2 import MatterView

_ROLES = {"window": "clerk", "other_region": "clerk", "hotline": "clerk", "system": "system"}
CHANNELS = (
    "window", "web", "app", "mini-program", "official-account", "self-service", "hotline", "other-region", "system",
)  # fmt: skip


@click.command(
    help=f"""Hand in one matter (提交一件事). FILE is a JSON document, - for standard input.

    Everything that is missing or wrong is told at once. Materials given by path are uploaded first.

    \b
    {submission.SCHEMA.replace(chr(10), chr(10) + "    ")}

    Paths are relative to the file. Without parties, PRINCIPAL is the applicant.
    """
)
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True, dir_okay=False))
@sending
@common
@click.pass_obj
def submit(app: App, file: str, sender: Sender) -> None:
    """Hand in one matter."""
    form = _read_form(file)
    own_request = sender.request_id if sender.chosen else form.request_id or sender.request_id
    channel = form.channel.lower().replace("-", "_")
    command = submit_command(
        sender.actor(_ROLES.get(channel, "applicant")),
        own_request,
        form.matter_code,
        form.division,
        application_of(form.facts, form.materials, form.parties or (PartyInput(name=sender.principal),)),
        channel=form.channel,
        receiving_division=form.receiving_division,
        language=form.language,
        promised_materials=form.promised_materials,
        pledged_items=form.pledged_items,
        delivery=form.delivery or 0,
        cross_region=form.cross_region or 0,
    )
    with app.services() as services:
        try:
            _upload(services, form.materials)
            response = services.submit(command)
        except OneMatterError as error:
            raise repeatable(error, own_request) from None
    document = {
        "matter_id": command.matter_id,
        "matter_number": response.matter_number,
        "query_code": response.query_code,
        "request_id": own_request,
        "principal": sender.principal,
    }

    def show(out: Console) -> None:
        out.print(f"{app.words('办件标识', 'matter id')}      {command.matter_id}")
        out.print(f"{app.words('办件编号', 'matter number')}  {response.matter_number}")
        if response.query_code:
            out.print(f"{app.words('查询密码', 'query code')}     {response.query_code}")
        out.print(app.words("查询进度：", "follow it:     ") + f"onematter progress {command.matter_id} --watch")

    app.emit(document, show)


def _upload(services: Services, materials: Iterable[AnyMaterial]) -> None:
    for material in materials:
        if isinstance(material, MaterialFile):
            services.upload_material(material)


def _read_form(file: str) -> submission.Form:
    if file == "-":
        return submission.read(sys.stdin.read(), Path.cwd())
    path = Path(file)
    try:
        return submission.read(path.read_text(encoding="utf-8"), path.parent)
    except OSError as error:
        raise Invalid(
            f"{file}: {error.strerror}; give a readable file, or - for standard input",
            f"{file}：无法读取（{error.strerror}）；请给出可以读取的文件，或用 - 表示标准输入",
        ) from None
    except UnicodeDecodeError:
        raise Invalid(
            f"{file}: it is not UTF-8; save it as UTF-8 JSON", f"{file}：不是 UTF-8；请存为 UTF-8 的 JSON"
        ) from None


@click.command()
@matter_id_argument
@click.option("--watch", is_flag=True, help="Go on until the matter is completed; --deadline bounds it when given.")
@common
@click.pass_context
def progress(context: click.Context, matter_id: str, watch: bool) -> None:
    """Show how a matter stands (办理进度).

    Every item, what is asked of the applicant now and what is not, deadlines with the calendar days that are
    left, trips.

    With --watch --json the one document is the matter as it ended.
    """
    app: App = context.obj
    with app.services() as services:
        if not watch:
            _show(app, services, services.matter(matter_id))
            return
        source = context.find_root().get_parameter_source("deadline_seconds")
        given = source is not click.core.ParameterSource.DEFAULT
        views = services.watch(matter_id, app.deadline_seconds if given else None)
        out = console()
        if app.as_json:
            last = deque(views, maxlen=1)
            if not last:
                raise Unavailable("intake ended the watch without an answer; ask again", "受理服务未作答复；请再次查询")
            app.emit(as_document(last[0]), lambda _: None)
        elif out.is_terminal:
            with Live(console=out, auto_refresh=False) as live:
                for view in views:
                    live.update(view_table(view, app, today=app.today()), refresh=True)
        else:
            for view in views:
                out.print(_line(view, app), soft_wrap=True)


def _show(app: App, services: Services, view: MatterView) -> None:
    names = {} if app.as_json else material_names(services, view, app)
    app.emit(as_document(view), lambda out: out.print(view_table(view, app, names, app.today())))


@click.command()
@click.argument("matter_number", metavar="NUMBER")
@click.argument("query_code", metavar="CODE")
@common
@click.pass_obj
def query(app: App, matter_number: str, query_code: str) -> None:
    """Show how a matter stands by its number and query code (查询).

    NUMBER (办件编号) and CODE (查询密码) are what `submit` prints; whoever has both needs no id. A wrong number
    and a wrong code are answered alike, with exit code 4.
    """
    with app.services() as services:
        _show(app, services, services.query(matter_number, query_code))


def _line(view: MatterView, app: App) -> str:
    items = "  ".join(f"{one.item.item_id} {labels.item(one, app)}" for one in view.items)
    return f"{view.as_of.sequence:>4}  {labels.matter(view, app)}  {items}"


@click.command()
@matter_id_argument
@click.argument("files", metavar="FILE|MATERIAL=FILE...", nargs=-1, required=True)
@click.option("--channel", type=click.Choice(CHANNELS), default="web", show_default=True, help="By which way it came.")
@click.option("--trust-class", type=click.Choice(("A", "B", "C", "D")), default="D", show_default=True,
              help="Of all of them: how far they are to be trusted.")  # fmt: skip
@asking
def supply(app: App, matter_id: str, sender: Sender, files: tuple[str, ...], channel: str, trust_class: str) -> None:
    """Supply materials that were asked or promised (补正、补交).

    On whatever channel, also another than the matter was handed in by; no trip is needed. A file's name without
    its suffix is the material's id, unless it is given: floor_plan=scan-0001.pdf.
    """
    materials = [_material(one, trust_class) for one in files]
    role = _ROLES.get(channel.replace("-", "_"), "applicant")
    command = supply_command(sender.actor(role), sender.request_id, matter_id, materials, channel=channel)

    def send(services: Services) -> Outcome:
        _upload(services, materials)
        return services.handle_matter(command)

    ask(app, send, command, app.words("已收到", "supplied"))


def _material(text: str, trust_class: str) -> MaterialFile:
    material_id, apart, path = text.partition("=")
    if not apart:
        return MaterialFile(text, trust_class=trust_class)
    if not (material_id and path):
        raise Invalid(
            "FILE: a material without its file; write MATERIAL=FILE, as floor_plan=scan.pdf",
            "FILE：有材料没有文件；请写作 材料代码=文件，如 floor_plan=scan.pdf",
        )
    return MaterialFile(path, material_id, trust_class=trust_class)


@click.command()
@matter_id_argument
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@asking
def withdraw(app: App, matter_id: str, sender: Sender, reason: str) -> None:
    """Take a matter back before it is concluded (撤回). Its open items are called back."""
    command = withdraw_command(sender.actor("applicant"), sender.request_id, matter_id, reason)
    ask(app, lambda services: services.withdraw(command), command, app.words("已申请撤回", "withdrawn"))


@click.command()
@matter_id_argument
@common
@click.pass_obj
def notices(app: App, matter_id: str) -> None:
    """List what the applicant was told (告知), and whether it arrived."""
    with app.services() as services:
        response = services.notices(matter_id)

    def show(out: Console) -> None:
        made = grid(
            app.words("告知", "notice"),
            app.words("状态", "status"),
            app.words("次数", "attempts"),
            app.words("时间", "time"),
            app.words("标识", "id"),
        )
        for one in response.notices:
            kind, status = labels.notice_kind(one.notice.kind, app), labels.notice_status(one.status, app)
            row(made, kind, status, one.attempts, labels.when(one.time), one.notice.notice_id)
        out.print(made)

    app.emit(as_document(response), show)
