"""`onematter matter`: why a matter stands where it stands, and to try again at once what may be tried again.

Rule 1: what is asked is asked of every service that is known; one that does not answer is told, and hides nothing of
the others.
Rule 2: to try again is lawful where only a machine is waited for: a stream whose record failed, a notice that was not
delivered, a call that was not answered. What waits for a person or the law is refused, with what it waits for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console

from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.client import explaining
from onematter.client.channel import Services
from onematter.client.cli import labels, operating_labels
from onematter.client.cli.app import App, common, grid, matter_id_argument, row
from onematter.client.cli.dead_letters import changing, confirm, letters_of, operation_document
from onematter.client.cli.options import Sender, repeatable
from onematter.client.errors import DeadlineExceeded, Invalid, NotFound, OneMatterError, Refused, Unavailable
from onematter.client.explaining import Sources
from onematter.client.findings import Finding, Words, next_step, place_text
from onematter.client.messages import actor_of, checked_id
from onematter.common.v1.outcome_pb2 import Reason, Violation
from onematter.contracts.topics import table
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterStatus
from onematter.notification.v1.notification_state_pb2 import NoticeStatus

T = TypeVar("T")

MAX_LETTERS = 1000
# What is missing closes it, and nothing else does.
_HEALS_ITSELF = ("gap:", "ahead:")
_OPEN_LETTERS = (pb.DeadLetterStatus.DEAD_LETTER_STATUS_PARKED, pb.DeadLetterStatus.DEAD_LETTER_STATUS_SET_ASIDE)
_PARKED = pb.DeadLetterStatus.DEAD_LETTER_STATUS_PARKED


@click.group()
def matter() -> None:
    """Why a matter stands where it stands (explain), and what may be tried again at once (retry)."""


class AppWords:
    """The names that findings use, from the matter itself and the catalogue."""

    def __init__(self, app: App, services: Services, sources: Sources) -> None:
        self.column = 0 if app.language == "zh-CN" else 1
        self._app, self._sources = app, sources
        self._materials: dict[str, str] = {}
        view = sources.view
        if view is not None and "intake" not in sources.away:
            try:
                items = services.matter_type(view.matter_code).items
                self._materials = {m.material_id: app.name(m.name) for item in items for m in item.materials}
            except OneMatterError:
                # The catalogue knows it no more: ids do.
                self._materials = {}

    def material(self, material_id: str) -> str:
        """A material's name, or its id."""
        return self._materials.get(material_id) or material_id

    def item(self, item_id: str) -> str:
        """An item's id and name."""
        items = self._sources.view.items if self._sources.view is not None else ()
        name = next((self._app.name(one.item.name) for one in items if one.item.item_id == item_id), "")
        return f"{item_id} {name}".strip()

    def level(self, number: int) -> str:
        """A level of government."""
        return labels.level(number, self._app)

    def suspension(self, number: int) -> str:
        """Why a clock stands still."""
        return labels.suspension(number, self._app)

    def notice(self, number: int) -> str:
        """What a notice tells."""
        return labels.notice_kind(number, self._app)


def gather(services: Services, matter_id: str, language: str) -> Sources:
    """Ask every service what it knows of the matter; errors are told in `language`.

    Raises NotFound when intake has none, and nothing of it waits.
    """
    away: dict[str, str] = {}

    def ask(deployment: str, call: Callable[[], T]) -> T | None:
        if deployment in away:
            return None
        try:
            return call()
        except NotFound:
            return None
        except (Unavailable, DeadlineExceeded, Invalid) as error:
            away[deployment] = error.said(language)
            return None

    sources = Sources(matter_id, away=away)
    view = sources.view = ask("intake", lambda: services.matter(matter_id))
    letters: dict[str, list[pb.DeadLetter]] = {}
    for one in _concerned(services, view):
        found = ask(one, lambda one=one: list(letters_of(services, one, matter_id, _OPEN_LETTERS, MAX_LETTERS)))
        if found:
            letters[one] = found
    sources.letters = letters
    if view is None:
        if not letters and "intake" not in away:
            raise NotFound(
                f"no service knows a matter {matter_id}; check the id", f"各服务都没有办件 {matter_id}；请核对标识"
            )
        return sources
    tasks: dict[str, Any] = {}
    for state in view.items:
        item = state.item
        if not state.HasField("result") and state.status != ItemStatus.ITEM_STATUS_WAITING:
            found = ask(item.owner, lambda item=item: services.task(item.owner, matter_id, item.item_id))
            if found is not None:
                tasks[item.item_id] = found.task
    sources.tasks = tasks
    shared = ask("exchange", lambda: services.sharings(matter_id))
    sources.sharings = shared.requests if shared is not None else ()
    notices = ask("notification", lambda: services.notices(matter_id))
    sources.notices = notices.notices if notices is not None else ()
    if view.status == MatterStatus.MATTER_STATUS_COMPLETED:
        sources.case_file = ask("archive", lambda: services.case_file(matter_id))
    return sources


def _concerned(services: Services, view: MatterView | None) -> list[str]:
    """The deployments that may hold a record of the matter: of the approvals its own, and all that are known."""
    deployments = table().deployments.values()
    owners = {state.item.owner for state in view.items} if view is not None else set[str]()
    known = set(services.operated_deployments())
    common = {d.name for d in deployments if d.service not in ("approval", "supervision")}
    return [d.name for d in deployments if d.name in common | owners | known]


@matter.command("explain")
@matter_id_argument
@common
@click.pass_context
def explain(context: click.Context, matter_id: str) -> None:
    """Say why a matter stands where it stands: what it and each item wait for, and who takes the next step.

    One sentence for each finding, with the next lawful step. Services that do not answer are named, and the exit code
    is then 3. With --json each finding has a stable code.
    """
    app: App = context.obj
    own_id = checked_id(matter_id)
    with app.services() as services:
        sources = gather(services, own_id, app.language)
        words = AppWords(app, services, sources)
        found = explaining.explain(sources, words)
    document: dict[str, Any] = {"matter_id": own_id, "findings": [one.document() for one in found]}
    if sources.view is not None:
        document["status"] = MatterStatus.Name(sources.view.status).removeprefix("MATTER_STATUS_")
    document["unreachable"] = sorted(sources.away)
    app.emit(document, lambda out: _show(out, app, sources, found, words))
    if sources.away:
        context.exit(Unavailable.exit_code)


def _show(out: Console, app: App, sources: Sources, found: list[Finding], words: AppWords) -> None:
    view = sources.view
    if view is not None:
        head = f"{view.matter_number}  {view.matter_code} {app.name(view.name)}  {labels.matter(view, app)}"
        out.print(head, markup=False, soft_wrap=True)
    # Nothing is wrapped: a command is to be copied whole.
    for one in found:
        about = f"{words.item(one.item_id)}{app.words('：', ': ')}" if one.item_id else ""
        out.print(about + one.sentence, markup=False, soft_wrap=True)
        for line in (next_step(one, words), one.command):
            if line:
                out.print(f"    → {line}", markup=False, soft_wrap=True)


@matter.command("retry")
@matter_id_argument
@changing
@click.pass_context
def retry(context: click.Context, matter_id: str, sender: Sender, reason: str, role: str, yes: bool) -> None:
    """Try at once what of a matter waits to be tried again: parked streams, notices, calls to a data platform.

    What waits for a person, or for a time that the law gives, is not hurried: then it is refused, and says what it
    waits for. Exit code 1 where something failed again.
    """
    app: App = context.obj
    own_id = checked_id(matter_id)
    actor = actor_of(sender.principal, role)
    with app.services() as services:
        sources = gather(services, own_id, app.language)
        wanted = _wanted(sources)
        if not wanted:
            words = AppWords(app, services, sources)
            raise NothingToRetry([one for one in explaining.explain(sources, words) if one.next], words)
        told = "\n".join(f"{deployment}  {place_text(place) if place else own_id}" for deployment, place in wanted)
        confirm(app, yes, f"{told}\n{app.words('现在重试？', 'Try again now?')}")
        done: list[tuple[str, pb.Operation | Refused]] = []
        for deployment, place in wanted:
            request_id = _part_of(sender.request_id, deployment, place)
            try:
                done.append((deployment, _try(services, deployment, place, own_id, request_id, actor, reason)))
            except Refused as error:
                # What was waited for came meanwhile.
                done.append((deployment, error))
            except OneMatterError as error:
                raise repeatable(error, sender.request_id) from None
    _tell(app, own_id, done)
    failed = pb.OperationStatus.OPERATION_STATUS_STOPPED
    if any(isinstance(one, pb.Operation) and one.status == failed for _, one in done):
        context.exit(1)


def _wanted(sources: Sources) -> list[tuple[str, pb.RecordPlace | None]]:
    """What to try: a parked stream by its first record, or a deployment's waiting work by None.

    A gap is closed by the record that is missing and by nothing else, so it is not tried.
    """
    wanted: list[tuple[str, pb.RecordPlace | None]] = []
    for deployment, letters in sources.letters.items():
        for letter in letters:
            if letter.status == _PARKED and letter.first and not letter.reason.startswith(_HEALS_ITSELF):
                wanted.append((deployment, letter.record))
    if any(one.status == NoticeStatus.NOTICE_STATUS_DELAYED for one in sources.notices):
        wanted.append(("notification", None))
    if any(explaining.is_called_again(one) for one in sources.sharings):
        wanted.append(("exchange", None))
    return wanted


def _try(
    services: Services, deployment: str, place: pb.RecordPlace | None, matter_id: str, request_id: str, actor: Any,
    reason: str,
) -> pb.Operation:  # fmt: skip
    if place is None:
        request = pb.RetryMatterRequest(request_id=request_id, actor=actor, reason=reason, matter_id=matter_id)
        return services.retry_matter(deployment, request)
    replay = pb.ReplayDeadLetterRequest(request_id=request_id, actor=actor, reason=reason, record=place)
    return services.replay_dead_letter(deployment, replay)


def _part_of(request_id: str, deployment: str, place: pb.RecordPlace | None) -> str:
    """The id of a part of a request: the same at every repetition of the whole."""
    part = f"{request_id}|{deployment}|{place_text(place) if place is not None else ''}"
    return hashlib.sha256(part.encode()).hexdigest()[:32]


class NothingToRetry(Refused):
    """Nothing of a matter may be tried again; `waits_for` says what it waits for instead."""

    def __init__(self, waits_for: list[Finding], words: Words) -> None:
        self.waits_for = waits_for
        violations = [Violation(field="matter_id", reason=Reason.REASON_NOTHING_TO_RETRY)]
        for one in waits_for:
            message = f"{one.sentence} {next_step(one, words)}"
            violations.append(Violation(field=one.item_id or one.code, parameters={"message": message}))
        super().__init__(violations)

    def document(self, language: str) -> dict[str, Any]:
        """The refusal, and the findings by their codes."""
        told = Refused(self.violations[:1]).document(language)
        return told | {"waits_for": [one.document() for one in self.waits_for]}


def _tell(app: App, matter_id: str, done: list[tuple[str, pb.Operation | Refused]]) -> None:
    def show(out: Console) -> None:
        made = grid(app.words("服务", "service"), app.words("对象", "what"), app.words("结果", "outcome"))
        for deployment, one in done:
            if isinstance(one, Refused):
                row(made, deployment, matter_id, one.said(app.language))
            else:
                about = place_text(one.record) if one.HasField("record") else matter_id
                row(made, deployment, about, operating_labels.outcome(one, app))
        out.print(made)

    tried = [
        {"deployment": deployment, "error": one.document(app.language)}
        if isinstance(one, Refused)
        else operation_document(deployment, one)
        for deployment, one in done
    ]
    app.emit({"matter_id": matter_id, "tried": tried}, show)
