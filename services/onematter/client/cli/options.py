"""What commands that ask for something share: whom they act as, what they are about, and how their answers are told.

Rule 1: a request has an id from the start, so that one that may have happened can be repeated as it was.
Rule 2: an official acts as the task says, its level, division and department, unless an option says otherwise.
"""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_service_pb2 import TaskView
from onematter.client.channel import Services
from onematter.client.cli.app import App, as_document, common, matter_id_argument
from onematter.client.cli.usage import Usage
from onematter.client.errors import DeadlineExceeded, Invalid, NotFound, OneMatterError, Unavailable
from onematter.client.handling import Need, china_day
from onematter.client.messages import actor_of, checked_id
from onematter.common.v1.actor_pb2 import Actor, Delegation
from onematter.common.v1.outcome_pb2 import Outcome
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand
from onematter.intake.v1.intake_events_pb2 import Item

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("province", "city", "county")
RANKS = ("staff", "section-head", "department-head", "government-head")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks, and under which id; `chosen` when the caller gave it."""

    principal: str
    request_id: str
    chosen: bool

    def actor(self, role: str, *, rank: str = "", division: str = "") -> Actor:
        """The actor of a command on a matter."""
        return actor_of(self.principal, role, rank=rank or 0, division=division)


@dataclass(frozen=True, slots=True)
class Official:
    """An official (审批人员) who asks something of a task."""

    sender: Sender
    department: str
    level: str
    division: str
    rank: str
    acting_for: Delegation | None

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self.sender.request_id

    def actor(self, view: TaskView) -> Actor:
        """The actor of a command on the task in `view`."""
        item, task = item_of(view), view.task
        return actor_of(
            self.sender.principal,
            "official",
            rank=self.rank or 0,
            level=self.level or item.level,
            division=self.division or task.division or item.division,
            department=self.department or task.department or item.department,
            acting_for=self.acting_for,
        )


def sending(command: F) -> F:
    """Give a command the options of who asks; it gets a `sender`."""

    @click.option(
        "--as", "principal", metavar="PRINCIPAL", envvar="ONEMATTER_PRINCIPAL", show_envvar=True,
        help="Who acts: an account or a system's name, never an identity number.  [default: the login name]",
    )  # fmt: skip
    @click.option(
        "--request-id", metavar="TEXT", help="Give the one of an earlier try to repeat it safely.  [default: a new one]"
    )
    @wraps(command)
    def with_sender(*arguments: Any, principal: str | None, request_id: str | None, **options: Any) -> Any:
        sender = Sender(_principal(principal), request_id or uuid.uuid4().hex, bool(request_id))
        return command(*arguments, sender=sender, **options)

    return with_sender  # type: ignore[return-value]


def asking(command: F) -> F:
    """Make a command one that asks something: it gets the app and a `sender`. Stands next to the function, so that its
    own options come first in the help.
    """
    return sending(common(click.pass_obj(command)))  # type: ignore[return-value]


def as_official(command: F) -> F:
    """Make a command one that an official gives: it gets the app and an `official`. Stands where `asking` does."""

    @click.option(
        "--department", default="", metavar="CODE", envvar="ONEMATTER_DEPARTMENT", show_envvar=True,
        help="The department that acts (部门代码).  [default: the task's]",
    )  # fmt: skip
    @click.option("--level", type=click.Choice(LEVELS), default=None, help="The actor's level.  [default: the task's]")
    @click.option("--division", default="", metavar="CODE", help="The actor's division.  [default: the task's]")
    @click.option("--rank", type=click.Choice(RANKS), default=None, help="The actor's rank (职级), where it matters.")
    @click.option("--acting-for", default="", metavar="PRINCIPAL", help="Who is away and is acted for (委托代理).")
    @click.option(
        "--delegation",
        default="",
        metavar="FIRST..LAST:NUMBER",
        help="The delegation that says so: its days, its number.",
    )
    @sending
    @common
    @click.pass_obj
    @wraps(command)
    def with_official(app: App, sender: Sender, department: str, level: str | None, division: str, rank: str | None,
                      acting_for: str, delegation: str, **options: Any) -> Any:  # fmt: skip
        acted_for = _delegation(acting_for, delegation)
        official = Official(sender, department, level or "", division, rank or "", acted_for)
        return command(app, official=official, **options)

    return with_official  # type: ignore[return-value]


def task_arguments(command: F) -> F:
    """The arguments ID ITEM, which name a task."""
    return matter_id_argument(click.argument("item", metavar="ITEM")(command))


def needs_option(command: F) -> F:
    """The option --need; the command gets `needs`."""

    def read(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> list[Need]:
        return [_need(one) for one in given]

    return click.option(
        "--need", "needs", metavar="MATERIAL=REASON", multiple=True, required=True, callback=read,
        help="A material, and what is wrong with it or missing. All of them at once; from the second time on add what "
        "made it visible only now: MATERIAL=REASON|BECAUSE.",
    )(command)  # fmt: skip


def basis_option(command: F) -> F:
    """The option --basis; the command gets a tuple."""
    return click.option(
        "--basis", metavar="TEXT", multiple=True, help="An article it rests on (依据). May be given several times."
    )(command)


def item_of(view: TaskView) -> Item:
    """The item of a task, decided by rule or not."""
    return view.task.opened.item if view.task.HasField("opened") else view.task.decided.item


def repeatable(error: OneMatterError, request_id: str) -> OneMatterError:
    """The error, with how to repeat the request, where it may have happened."""
    if isinstance(error, DeadlineExceeded | Unavailable):
        return type(error)(
            f"{error} (repeat with --request-id {request_id})",
            f"{error.said('zh-CN')}（可用 --request-id {request_id} 再次发送）",
        )
    return error


def ask(app: App, ask_services: Callable[[Services], Outcome], command: IntakeCommand, done: str) -> None:
    """Ask something of a matter and tell its outcome; `done` is what a person reads."""
    with app.services() as services:
        try:
            outcome = ask_services(services)
        except OneMatterError as error:
            raise repeatable(error, command.request_id) from None
    document = {
        "matter_id": outcome.matter_id,
        "request_id": command.request_id,
        "outcome": as_document(outcome),
    }
    app.emit(document, lambda out: out.print(done))


def ask_matter(app: App, command: IntakeCommand, done: str) -> None:
    """Ask it by HandleMatter."""
    ask(app, lambda services: services.handle_matter(command), command, done)


def ask_task(
    app: App,
    official: Official,
    matter_id: str,
    item_id: str,
    done: str,
    make: Callable[[Actor, str], ApprovalCommand],
    call: Callable[[Services, str, ApprovalCommand], Outcome] = Services.handle_task,
) -> None:
    """Ask something of a task and tell its outcome. `make` gives the command of an actor and a request_id."""
    own_id = checked_id(matter_id)
    with app.services() as services:
        deployment, view = find_task(services, own_id, item_id)
        command = make(official.actor(view), official.request_id)
        try:
            outcome = call(services, deployment, command)
        except OneMatterError as error:
            raise repeatable(error, official.request_id) from None
    app.emit(tell_task(command, deployment, outcome), lambda out: out.print(done))


def tell_task(command: ApprovalCommand, deployment: str, outcome: Outcome) -> dict[str, Any]:
    """What came of a command on a task, as a JSON document."""
    return {
        "matter_id": command.matter_id,
        "item_id": command.item_id,
        "deployment": deployment,
        "request_id": command.request_id,
        "outcome": as_document(outcome),
    }


def find_task(services: Services, matter_id: str, item_id: str) -> tuple[str, TaskView]:
    """The deployment that has the task, and the task. Raises NotFound when none of the known ones has it."""
    known = services.approval_deployments()
    if not known:
        raise no_approval()
    own_id = checked_id(matter_id)
    for deployment in known:
        try:
            return deployment, services.task(deployment, own_id, item_id)
        except NotFound:
            continue
    raise NotFound(
        f"no task {item_id} of matter {own_id} at {', '.join(known)}; see its items with `onematter progress {own_id}`",
        f"{'、'.join(known)} 没有办件 {own_id} 的事项 {item_id}；可用 onematter progress {own_id} 查看其事项",
    )


def no_approval() -> Invalid:
    """What to tell when no level can be asked."""
    return Invalid(
        "no approval address is known; give --approval-province, --approval-city or --approval-county",
        "不知道审批服务的地址；请用 --approval-province、--approval-city 或 --approval-county 给出",
    )


def _principal(given: str | None) -> str:
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise Invalid(
            "principal: the login name is unknown; give --as PRINCIPAL", "principal：不知道登录名；请用 --as 给出"
        ) from None


def _delegation(principal: str, text: str) -> Delegation | None:
    if not principal and not text:
        return None
    days, _, reference = text.partition(":")
    first, apart, last = days.partition("..")
    if not (principal and apart and reference):
        raise Usage(
            "give both --acting-for PRINCIPAL and --delegation FIRST..LAST:NUMBER",
            "--acting-for 与 --delegation 起日..止日:文号 须同时给出",
        )
    return Delegation(
        principal=principal,
        first_day=china_day(first, "--delegation"),
        last_day=china_day(last, "--delegation"),
        reference=reference,
    )


def _need(text: str) -> Need:
    material_id, apart, reason = text.partition("=")
    reason, _, because = reason.partition("|")
    if not (material_id and apart and reason.strip()):
        raise Usage(
            "--need: write MATERIAL=REASON, as floor_plan='no exits drawn'",
            "--need：请写作 材料代码=问题，如 floor_plan='未标出口'",
        )
    return Need(material_id.strip(), reason.strip(), because.strip())
