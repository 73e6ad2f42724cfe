"""A department's side: inbox, claim, decide."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.markup import escape

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2 import ListTasksRequest, TaskView
from onematter.client.channel import Services
from onematter.client.cli import labels
from onematter.client.cli.app import App, as_document, common, grid, row
from onematter.client.cli.options import (
    LEVELS,
    Official,
    as_official,
    ask_task,
    basis_option,
    find_task,
    item_of,
    no_approval,
    repeatable,
    task_arguments,
    tell_task,
)
from onematter.client.cli.usage import Usage
from onematter.client.errors import Invalid, OneMatterError, Refused
from onematter.client.findings import CHINA, last_day
from onematter.client.handling import china_day
from onematter.client.messages import checked_id, claim_command, decide_command, level_number
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.contracts.times import unix_ms
from onematter.contracts.topics import table

MAX_TASKS_AT_ONCE = 100
# A deadline is the end of a day in China.


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
    """List tasks that wait for a decision (待办). Earliest promised deadline first."""
    if page_token and not level:
        raise Usage(
            "--page-token needs --level: every level has its own pages", "--page-token 须与 --level 同用：各级分别分页"
        )
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
    tasks.sort(key=lambda one: unix_ms(_promised(one)))
    document = {"tasks": [as_document(one) for one in tasks], "next_page_tokens": tokens}
    app.emit(document, lambda out: _show(out, tasks, tokens, app))


def _promised(view: TaskView) -> Any:
    """The promised deadline as it is now; as it was at the opening where nothing is told since."""
    task = view.task
    return task.deadlines.promised if task.deadlines.HasField("promised") else task.opened.promised_deadline


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
        item, task = item_of(one), one.task
        name, level, status = app.name(item.name), labels.level(item.level, app), labels.task(task, app)
        division, department = task.division or item.division, task.department or item.department
        until = last_day(_promised(one)) or "-"
        row(made, until, one.matter_id, item.item_id, name, level, division, department, status)
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
        raise Usage("--before: give a day as YYYY-MM-DD", "--before：日期请写作 YYYY-MM-DD") from None
    return int(datetime(start.year, start.month, start.day, tzinfo=CHINA).timestamp())


def _deployments(services: Services, level: str | None, division: str) -> list[str]:
    if level and division:
        try:
            return [table().destination(level_number(level), division).deployment]
        except LookupError as error:
            raise Invalid(f"level: {error}", f"level：没有服务办理 {division} 的这一层级") from None
    deployments = table().deployments
    known = services.approval_deployments()
    if level:
        wanted = [d.name for d in deployments.values() if d.service == "approval" and d.level == level_number(level)]
        known = [name for name in known if name in wanted] or wanted
    if not known:
        raise no_approval()
    return list(known)


@click.command()
@task_arguments
@as_official
def claim(app: App, matter_id: str, item: str, official: Official) -> None:
    """Put one's name to a task (签收). Nobody else decides it then."""
    ask_task(
        app, official, matter_id, item, app.words("已签收", "claimed"),
        lambda actor, request_id: claim_command(actor, request_id, matter_id, item),
        Services.claim,
    )  # fmt: skip


class _Decision(NamedTuple):
    """What is decided of every task named."""

    grant: bool
    opinion: str
    basis: tuple[str, ...]
    conditions: tuple[str, ...]
    valid_until: str

    def command(self, actor: Any, request_id: str, matter_id: str, item_id: str) -> ApprovalCommand:
        return decide_command(
            actor, request_id, matter_id, item_id, self.grant, self.opinion,
            basis=self.basis, conditions=self.conditions, valid_until=self.valid_until,
        )  # fmt: skip


@click.command()
@click.argument("tasks", metavar="ID ITEM | ID/ITEM...", nargs=-1, required=True)
@click.option("--grant/--deny", default=None, help="准予 / 不予; one of them is required.")
@click.option("--opinion", required=True, metavar="TEXT", help="The reasons (意见).")
@basis_option
@click.option("--condition", "conditions", metavar="TEXT", multiple=True,
              help="What the grant requires (附条件). May be given several times.")  # fmt: skip
@click.option(
    "--valid-until", default="", metavar="DATE", help="The grant's last day.  [default: as the catalogue says]"
)
@as_official
def decide(
    app: App,
    tasks: tuple[str, ...],
    grant: bool | None,
    opinion: str,
    basis: tuple[str, ...],
    conditions: tuple[str, ...],
    valid_until: str,
    official: Official,
) -> None:
    """Decide a task, finally (作出决定). Grant or deny, with an opinion; a denial names its --basis.

    Several at once (批量办理) are written ID/ITEM; each has its own outcome, and one that is refused holds up no other.
    Exit code 1 when one was. One that does not exist is told before any is decided.

    \b
      onematter decide ID 02 --grant --opinion "meets the requirements"
      onematter decide ID/02 ID/03 OTHER_ID/02 --grant --opinion "meets the requirements"
    """
    if grant is None:
        raise Usage("give --grant or --deny", "请给出 --grant 或 --deny")
    decision = _Decision(grant, opinion, basis, conditions, china_day(valid_until, "--valid-until"))
    named = _named(tasks)
    done = app.words("已准予", "granted") if grant else app.words("已决定不予", "denied")
    if "/" not in tasks[0]:
        ((matter_id, item),) = named
        ask_task(
            app, official, matter_id, item, done,
            lambda actor, request_id: decision.command(actor, request_id, matter_id, item),
            Services.decide,
        )  # fmt: skip
        return
    _decide_all(app, named, decision, official, done)


def _named(tasks: Sequence[str]) -> list[tuple[str, str]]:
    if len(tasks) == 2 and not any("/" in one for one in tasks):
        return [(checked_id(tasks[0]), tasks[1])]
    named = [tuple(one.split("/", 1)) for one in tasks]
    if any(len(one) != 2 or not one[1] for one in named):
        raise Usage(
            "name one task as ID ITEM, several as ID/ITEM ID/ITEM …", "一个事项写作 ID ITEM，多个写作 ID/ITEM ID/ITEM …"
        )
    if len(named) > MAX_TASKS_AT_ONCE:
        raise Usage(f"at most {MAX_TASKS_AT_ONCE} tasks at once", f"一次最多 {MAX_TASKS_AT_ONCE} 个事项")
    return list(dict.fromkeys((checked_id(one[0]), one[1]) for one in named))


def _decide_all(app: App, named: list[tuple[str, str]], decision: _Decision, official: Official, done: str) -> None:
    by_deployment: defaultdict[str, list[ApprovalCommand]] = defaultdict(list)
    with app.services() as services:
        for matter_id, item in named:
            deployment, view = find_task(services, matter_id, item)
            request_id = _request_id(official.request_id, matter_id, item)
            by_deployment[deployment].append(decision.command(official.actor(view), request_id, matter_id, item))
        try:
            answered = list(_answers(services, by_deployment))
        except OneMatterError as error:
            raise repeatable(error, official.request_id) from None
    told = [tell_task(command, deployment, outcome) for deployment, command, outcome in answered]
    refused = [outcome for _, _, outcome in answered if outcome.HasField("refused")]

    def show(out: Console) -> None:
        for _, command, outcome in answered:
            refused = outcome.HasField("refused")
            said = Refused(outcome.refused.violations).said(app.language) if refused else done
            out.print(f"{command.matter_id}/{escape(command.item_id)}  {escape(said)}", soft_wrap=True)

    app.emit({"tasks": told, "request_id": official.request_id, "refused": len(refused)}, show)
    if refused:
        raise click.exceptions.Exit(Refused.exit_code)


def _answers(
    services: Services, by_deployment: dict[str, list[ApprovalCommand]]
) -> Iterator[tuple[str, ApprovalCommand, Outcome]]:
    for deployment, commands in by_deployment.items():
        outcomes = services.decide_all(deployment, commands)
        if len(outcomes) != len(commands):
            raise OneMatterError(
                f"{deployment} answered {len(outcomes)} of {len(commands)} decisions; ask it again",
                f"{deployment} 只答复了 {len(commands)} 个决定中的 {len(outcomes)} 个；请再次发送",
            )
        for command, outcome in zip(commands, outcomes, strict=True):
            yield deployment, command, outcome


def _request_id(request_id: str, matter_id: str, item_id: str) -> str:
    """Each decision's own, a function of the request's: repeated, every one is known."""
    return hashlib.sha256(f"{request_id}/{matter_id}/{item_id}".encode()).hexdigest()[:32]
