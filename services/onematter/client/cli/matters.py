"""Handing in and following: submit, progress, withdraw, visit, notices."""

from __future__ import annotations

import getpass
import sys
import uuid
from collections import deque
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from onematter.client import submission
from onematter.client.cli import labels
from onematter.client.cli.app import (
    App,
    actor_options,
    as_document,
    common,
    console,
    grid,
    matter_id_argument,
    row,
)
from onematter.client.errors import DeadlineExceeded, Invalid, OneMatterError, Unavailable
from onematter.client.messages import (
    MaterialFile,
    PartyInput,
    actor_of,
    application_of,
    submit_command,
    visit_command,
    withdraw_command,
)
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.intake.v1.intake_service_pb2 import MatterView

_ROLES = {"window": "clerk", "other_region": "clerk", "hotline": "clerk", "system": "system"}


def principal_of(given: str | None) -> str:
    """Who acts: as given, else the login name."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise Invalid("principal: the login name is unknown; give --as PRINCIPAL") from None


def repeatable(error: OneMatterError, request_id: str) -> OneMatterError:
    """The error, with how to repeat the request, where it may have happened."""
    if isinstance(error, DeadlineExceeded | Unavailable):
        return type(error)(f"{error} (repeat with --request-id {request_id})")
    return error


@click.command(
    help=f"""Hand in one matter (提交一件事): FILE is a JSON document, - for standard input.

    Everything that is missing or wrong is told at once. Materials given by path are uploaded first.

    \b
    {submission.SCHEMA.replace(chr(10), chr(10) + "    ")}

    Paths are relative to the file. Without parties, PRINCIPAL is the applicant.
    """
)
@click.argument("file", metavar="FILE|-", type=click.Path(allow_dash=True, dir_okay=False))
@actor_options
@common
@click.pass_obj
def submit(app: App, file: str, principal: str | None, request_id: str | None) -> None:
    """Hand in one matter."""
    form = _read_form(file)
    who = principal_of(principal)
    own_request = request_id or form.request_id or uuid.uuid4().hex
    channel = form.channel.lower().replace("-", "_")
    command = submit_command(
        actor_of(who, _ROLES.get(channel, "applicant")),
        own_request,
        form.matter_code,
        form.division,
        application_of(form.facts, form.materials, form.parties or (PartyInput(name=who),)),
        channel=form.channel,
        receiving_division=form.receiving_division,
        language=form.language,
    )
    with app.services() as services:
        try:
            for material in form.materials:
                if isinstance(material, MaterialFile):
                    services.upload_material(material)
            response = services.submit(command)
        except OneMatterError as error:
            raise repeatable(error, own_request) from None
    document = {
        "matter_id": command.matter_id,
        "matter_number": response.matter_number,
        "request_id": own_request,
        "principal": who,
    }

    def show(out: Console) -> None:
        out.print(f"{app.words('办件标识', 'matter id')}      {command.matter_id}")
        out.print(f"{app.words('办件编号', 'matter number')}  {response.matter_number}")
        out.print(app.words("查询进度：", "follow it:     ") + f"onematter progress {command.matter_id} --watch")

    app.emit(document, show)


def _read_form(file: str) -> submission.Form:
    if file == "-":
        return submission.read(sys.stdin.read(), Path.cwd())
    path = Path(file)
    try:
        return submission.read(path.read_text(encoding="utf-8"), path.parent)
    except OSError as error:
        raise Invalid(f"{file}: {error.strerror}; give a readable file, or - for standard input") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file}: it is not UTF-8; save it as UTF-8 JSON") from None


def view_table(view: MatterView, app: App) -> Group:
    """A matter and its items for a person."""
    head = (
        f"{view.matter_number}  {view.matter_code} {app.name(view.name)}  {labels.matter(view, app)}\n"
        f"{app.words('提交', 'handed in')} {labels.when(view.handed_in)}"
        f"  {app.words('办结', 'completed')} {labels.when(view.completed)}"
        f"  {app.words('跑动', 'visits')} {view.visits}"
    )
    made = grid(
        app.words("事项", "item"),
        app.words("名称", "name"),
        app.words("层级", "level"),
        app.words("办理地", "division"),
        app.words("部门", "department"),
        app.words("状态", "status"),
        app.words("承诺时限", "promised"),
    )
    for state in view.items:
        item = state.item
        row(
            made,
            item.item_id,
            app.name(item.name),
            labels.level(item.level, app),
            item.division,
            item.department,
            labels.item(state, app),
            labels.day(state.promised_deadline),
        )
    return Group(Text(head), made)


@click.command()
@matter_id_argument
@click.option("--watch", is_flag=True, help="Go on until the matter is completed; --deadline bounds it when given.")
@common
@click.pass_context
def progress(context: click.Context, matter_id: str, watch: bool) -> None:
    """Show how a matter stands (办理进度), with every item and its deadline.

    With --watch --json the one document is the matter as it ended.
    """
    app: App = context.obj
    with app.services() as services:
        if not watch:
            view = services.matter(matter_id)
            app.emit(as_document(view), lambda out: out.print(view_table(view, app)))
            return
        source = context.find_root().get_parameter_source("deadline_seconds")
        given = source is not click.core.ParameterSource.DEFAULT
        views = services.watch(matter_id, app.deadline_seconds if given else None)
        out = console()
        if app.as_json:
            last = deque(views, maxlen=1)
            if not last:
                raise Unavailable("intake ended the watch without an answer; ask again")
            app.emit(as_document(last[0]), lambda _: None)
        elif out.is_terminal:
            with Live(console=out, auto_refresh=False) as live:
                for view in views:
                    live.update(view_table(view, app), refresh=True)
        else:
            for view in views:
                out.print(_line(view, app), soft_wrap=True)


def _line(view: MatterView, app: App) -> str:
    items = "  ".join(f"{one.item.item_id} {labels.item(one, app)}" for one in view.items)
    return f"{view.as_of.sequence:>4}  {labels.matter(view, app)}  {items}"


def _outcome(app: App, outcome: Outcome, request_id: str, done: str) -> None:
    document = {"matter_id": outcome.matter_id, "request_id": request_id, "outcome": as_document(outcome)}
    app.emit(document, lambda out: out.print(done))


@click.command()
@matter_id_argument
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@actor_options
@common
@click.pass_obj
def withdraw(app: App, matter_id: str, reason: str, principal: str | None, request_id: str | None) -> None:
    """Take a matter back (撤回) before it is concluded; its open items are called back."""
    own_request = request_id or uuid.uuid4().hex
    command = withdraw_command(actor_of(principal_of(principal), "applicant"), own_request, matter_id, reason)
    with app.services() as services:
        try:
            outcome = services.withdraw(command)
        except OneMatterError as error:
            raise repeatable(error, own_request) from None
    _outcome(app, outcome, own_request, app.words("已申请撤回", "withdrawn"))


@click.command()
@matter_id_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why the applicant had to come.")
@click.option("--division", default="", metavar="CODE", help="Where (行政区划代码).")
@actor_options
@common
@click.pass_obj
def visit(app: App, matter_id: str, reason: str, division: str, principal: str | None, request_id: str | None) -> None:
    """Record that the applicant came in person (跑动一次), and why."""
    own_request = request_id or uuid.uuid4().hex
    actor = actor_of(principal_of(principal), "clerk", division=division)
    command = visit_command(actor, own_request, matter_id, reason, division)
    with app.services() as services:
        try:
            outcome = services.record_visit(command)
        except OneMatterError as error:
            raise repeatable(error, own_request) from None
    _outcome(app, outcome, own_request, app.words("已记录", "recorded"))


@click.command()
@matter_id_argument
@common
@click.pass_obj
def notices(app: App, matter_id: str) -> None:
    """List the notices (告知) of a matter: accepted, progress, result."""
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
