"""A department's side: inbox, claim, decide."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta, timezone

import click
from rich.console import Console

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2 import ListTasksRequest, TaskView
from onematter.client.channel import Services
from onematter.client.cli import labels
from onematter.client.cli.app import App, actor_options, as_document, common, grid, row
from onematter.client.cli.matters import principal_of, repeatable
from onematter.client.errors import Invalid, NotFound, OneMatterError
from onematter.client.messages import actor_of, checked_id, claim_command, decide_command, level_number
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import table
from onematter.intake.v1.intake_events_pb2 import Item

LEVELS = ("province", "city", "county")
# A deadline is the end of a day in China.
_CHINA = timezone(timedelta(hours=8))


@click.command()
@click.option("--level", type=click.Choice(LEVELS), help="Only this level's (省 province, 市 city, 县区 county).")
@click.option("--division", default="", metavar="CODE", help="Only this division's (行政区划代码).")
@click.option("--department", default="", metavar="CODE", envvar="ONEMATTER_DEPARTMENT", show_envvar=True,
              help="Only this department's (部门).")  # fmt: skip
@click.option("--before", metavar="DATE", help="Only tasks promised before this day (YYYY-MM-DD).")
@click.option("--page-size", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--page-token", default="", help="Go on where a page ended; needs --level.")
@common
@click.pass_obj
def inbox(
    app: App, level: str | None, division: str, department: str, before: str | None, page_size: int, page_token: str
) -> None:
    """List tasks that wait for a decision (待办), earliest promised deadline first."""
    if page_token and not level:
        raise click.UsageError("--page-token needs --level: every level has its own pages")
    request = ListTasksRequest(division=division, department=department, page_size=page_size, page_token=page_token)
    if before:
        request.deadline_before.seconds = _start_of(before)
    if level:
        request.level = level_number(level)
    tasks: list[TaskView] = []
    tokens: dict[str, str] = {}
    with app.services() as services:
        for deployment in _deployments(services, level, division):
            page = services.tasks(deployment, request)
            tasks += page.tasks
            if page.next_page_token:
                tokens[deployment] = page.next_page_token
    tasks.sort(key=lambda one: unix_ms(one.task.opened.promised_deadline))
    document = {"tasks": [as_document(one) for one in tasks], "next_page_tokens": tokens}
    app.emit(document, lambda out: _show(out, tasks, tokens, app))


def _show(out: Console, tasks: list[TaskView], tokens: dict[str, str], app: App) -> None:
    made = grid(
        app.words("承诺时限", "promised"),
        app.words("办件标识", "matter id"),
        app.words("事项", "item"),
        app.words("名称", "name"),
        app.words("层级", "level"),
        app.words("办理地", "division"),
        app.words("部门", "department"),
        app.words("状态", "status"),
    )
    for one in tasks:
        item = _item(one)
        deadline = labels.day(one.task.opened.promised_deadline)
        name, level, status = app.name(item.name), labels.level(item.level, app), labels.task(one.task, app)
        row(made, deadline, one.matter_id, item.item_id, name, level, item.division, item.department, status)
    out.print(made)
    for deployment, token in tokens.items():
        level = deployment.removeprefix("approval-")
        out.print(
            f"{app.words('还有更多', 'more')}: --level {level} --page-token {token}", soft_wrap=True, markup=False
        )


def _start_of(day: str) -> int:
    try:
        start = date.fromisoformat(day)
    except ValueError:
        raise click.BadParameter("give a day as YYYY-MM-DD", param_hint="--before") from None
    return int(datetime(start.year, start.month, start.day, tzinfo=_CHINA).timestamp())


def _deployments(services: Services, level: str | None, division: str) -> list[str]:
    if level and division:
        try:
            return [table().destination(level_number(level), division).deployment]
        except LookupError as error:
            raise Invalid(f"level: {error}") from None
    deployments = table().deployments
    known = services.approval_deployments()
    if level:
        wanted = [d.name for d in deployments.values() if d.service == "approval" and d.level == level_number(level)]
        known = [name for name in known if name in wanted] or wanted
    if not known:
        raise Invalid("no approval address is known; give --approval-province, --approval-city or --approval-county")
    return list(known)


def _item(view: TaskView) -> Item:
    return view.task.opened.item if view.task.HasField("opened") else view.task.decided.item


def find_task(services: Services, matter_id: str, item_id: str) -> tuple[str, TaskView]:
    """The deployment that has the task, and the task. Raises NotFound when none of the known ones has it."""
    known = services.approval_deployments()
    if not known:
        raise Invalid("no approval address is known; give --approval-province, --approval-city or --approval-county")
    for deployment in known:
        try:
            return deployment, services.task(deployment, matter_id, item_id)
        except NotFound:
            continue
    raise NotFound(
        f"no task {item_id} of matter {matter_id} at {', '.join(known)};"
        f" see its items with `onematter progress {matter_id}`"
    )


_DEPARTMENT = click.option(
    "--department", required=True, metavar="CODE", envvar="ONEMATTER_DEPARTMENT", show_envvar=True,
    help="The department that acts (部门代码), as in the catalogue.",
)  # fmt: skip
_LEVEL = click.option("--level", type=click.Choice(LEVELS), help="The actor's level.  [default: the task's]")
_DIVISION = click.option("--division", metavar="CODE", help="The actor's division.  [default: the task's]")


@click.command()
@click.argument("matter_id", metavar="MATTER_ID")
@click.argument("item", metavar="ITEM")
@_DEPARTMENT
@_LEVEL
@_DIVISION
@actor_options
@common
@click.pass_obj
def claim(
    app: App,
    matter_id: str,
    item: str,
    department: str,
    level: str | None,
    division: str | None,
    principal: str | None,
    request_id: str | None,
) -> None:
    """Put one's name to a task (签收), so that nobody else decides it."""
    own_request = request_id or uuid.uuid4().hex
    who = principal_of(principal)
    own_id = checked_id(matter_id)
    with app.services() as services:
        deployment, view = find_task(services, own_id, item)
        actor = actor_of(
            who,
            "official",
            level=level or _item(view).level,
            division=division or _item(view).division,
            department=department,
        )
        command = claim_command(actor, own_request, own_id, item)
        try:
            outcome = services.claim(deployment, command)
        except OneMatterError as error:
            raise repeatable(error, own_request) from None
    _done(app, command, deployment, outcome, app.words("已签收", "claimed"))


@click.command()
@click.argument("matter_id", metavar="MATTER_ID")
@click.argument("item", metavar="ITEM")
@click.option("--grant/--deny", default=None, help="准予 / 不予; one of them is required.")
@click.option("--opinion", required=True, metavar="TEXT", help="The reasons (意见).")
@_DEPARTMENT
@_LEVEL
@_DIVISION
@actor_options
@common
@click.pass_obj
def decide(
    app: App,
    matter_id: str,
    item: str,
    grant: bool | None,
    opinion: str,
    department: str,
    level: str | None,
    division: str | None,
    principal: str | None,
    request_id: str | None,
) -> None:
    """Decide a task (作出决定), finally: grant or deny, with an opinion."""
    if grant is None:
        raise click.UsageError("give --grant or --deny")
    own_request = request_id or uuid.uuid4().hex
    who = principal_of(principal)
    own_id = checked_id(matter_id)
    with app.services() as services:
        deployment, view = find_task(services, own_id, item)
        actor = actor_of(
            who,
            "official",
            level=level or _item(view).level,
            division=division or _item(view).division,
            department=department,
        )
        command = decide_command(actor, own_request, own_id, item, grant, opinion)
        try:
            outcome = services.decide(deployment, command)
        except OneMatterError as error:
            raise repeatable(error, own_request) from None
    word = app.words("已准予", "granted") if grant else app.words("已决定不予", "denied")
    _done(app, command, deployment, outcome, word)


def _done(app: App, command: ApprovalCommand, deployment: str, outcome: Outcome, word: str) -> None:
    document = {
        "matter_id": command.matter_id,
        "item_id": command.item_id,
        "deployment": deployment,
        "request_id": command.request_id,
        "outcome": as_document(outcome),
    }
    app.emit(document, lambda out: out.print(word))
