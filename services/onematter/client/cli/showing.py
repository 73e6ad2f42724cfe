"""A matter as a person reads it: how it stands, what is asked, what is not, until when, and every item."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.text import Text

from onematter.client.channel import Services
from onematter.client.cli import labels
from onematter.client.cli.app import App, grid, row
from onematter.client.errors import OneMatterError
from onematter.client.findings import last_day
from onematter.common.v1.period_pb2 import Deadlines
from onematter.intake.v1.intake_events_pb2 import ItemOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState

Names = Mapping[str, str]
_DENIED = ItemOutcome.ITEM_OUTCOME_DENIED


def material_names(services: Services, view: MatterView, app: App) -> Names:
    """The names of the matter's materials, by id. Asked for only where the view tells of one; empty when there is none.

    The catalogue tells its newest version; what that lacks is shown by its id.
    """
    told = (view.missing, view.outstanding_materials, view.held_materials, view.unshared_materials)
    if not any(told) and not any(state.missing for state in view.items):
        return {}
    try:
        items = services.matter_type(view.matter_code).items
    except OneMatterError:
        return {}
    return {material.material_id: app.name(material.name) for item in items for material in item.materials}


def view_table(view: MatterView, app: App, names: Names | None = None, today: date | None = None) -> Group:
    """A matter and its items; `today` is the China day from which the days left are counted, None for no count."""
    parts: list[RenderableType] = [Text("\n".join(_head(view, app, today)))]
    told = _materials(view, app, names or {})
    if told:
        parts.append(Text("\n".join(told)))
    if view.items:
        parts.append(_items(view, app, today))
    denied = list(_denials(view, app))
    if denied:
        parts.append(Text("\n".join(denied)))
    return Group(*parts)


def deadline(deadlines: Deadlines, app: App, today: date | None) -> str:
    """The promised deadline and, where it is another, the legal one, with the days left; empty while there is none."""
    promised, legal = last_day(deadlines.promised), last_day(deadlines.legal)
    said: list[str] = []
    if promised:
        said.append(f"{app.words('承诺', 'promised')} {promised}{_left(deadlines.promised, app, today)}")
    if legal and legal != promised:
        said.append(f"{app.words('法定', 'by law')} {legal}{_left(deadlines.legal, app, today)}")
    if said and deadlines.provisional:
        said.append(app.words("（暂定）", "(provisional)"))
    return "  ".join(said)


def _head(view: MatterView, app: App, today: date | None) -> list[str]:
    lines = [
        f"{view.matter_number}  {view.matter_code} {app.name(view.name)}  {labels.matter(view, app)}",
        f"{app.words('提交', 'handed in')} {labels.when(view.handed_in)}"
        f"  {app.words('办结', 'completed')} {labels.when(view.completed)}"
        f"  {_trips(view, app)}",
    ]
    if view.accepted_by:
        day = f" {view.accepted_day}" if view.accepted_day else ""
        lines.append(f"{app.words('受理', 'accepted')}{day}  {labels.accepted_by(view.accepted_by, app)}")
    elif view.HasField("acceptance_deadline"):
        last = last_day(view.acceptance_deadline)
        left = _left(view.acceptance_deadline, app, today)
        lines.append(app.words(f"最迟 {last} 答复是否受理{left}", f"an answer whether it is accepted by {last}{left}"))
    until = "" if view.HasField("completed") else deadline(view.deadlines, app, today)
    if until:
        lines.append(f"{app.words('期限', 'time')}  {until}{_why(view.deadline_explanation_json, app)}")
    for trip in view.trips:
        told = [labels.when(trip.time), labels.trip_cause(trip.cause, app), trip.reason, trip.division]
        lines.append(f"{app.words('跑动', 'trip')}  {'  '.join(part for part in told if part)}")
    if view.HasField("completed"):
        lines.extend(_delivery(view, app))
    return lines


def _trips(view: MatterView, app: App) -> str:
    said = f"{app.words('跑动', 'visits')} {view.visits}"
    if view.HasField("completed") and view.expected_visits <= view.visits:
        return said
    return f"{said}{app.words('，预计至多', ', at most')} {max(view.visits, view.expected_visits)}"


def _delivery(view: MatterView, app: App) -> Iterable[str]:
    way = labels.delivery(view.delivery, app)
    if view.HasField("delivered"):
        yield f"{app.words('已送达', 'delivered')}  {way}  {labels.when(view.delivered)}"
    elif view.HasField("delivery_deadline"):
        last = last_day(view.delivery_deadline)
        yield f"{app.words('送达', 'delivery')}  {way}  {app.words('最迟', 'by')} {last}"


def _materials(view: MatterView, app: App, names: Names) -> list[str]:
    def named(material_ids: Sequence[str]) -> str:
        return app.words("、", ", ").join(names.get(one) or one for one in material_ids)

    lines: list[str] = []
    if view.missing:
        asked = named(view.missing)
        lines.append(
            f"{app.words('现在需要您补交', 'asked of you now')}: {asked}  (onematter supply {view.matter_id} …)"
        )
    if view.outstanding_materials:
        said = app.words("您承诺后补", "you promised to supply")
        lines.append(f"{said}: {named(view.outstanding_materials)}")
    if view.unshared_materials:
        said = app.words("本应共享而未能取得", "held by the government, but not shared")
        lines.append(f"{said}: {named(view.unshared_materials)}")
    if view.held_materials:
        held = [f"{names.get(one.material_id) or one.material_id} ← {one.source}" for one in view.held_materials]
        said = app.words("无需提交，由政府部门提供", "not asked of you, the government holds it")
        lines.append(f"{said}: {app.words('、', ', ').join(held)}")
    return lines


def _items(view: MatterView, app: App, today: date | None) -> Any:
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
            state.division or item.division,
            state.department or item.department,
            labels.item(state, app),
            _until(state, app, today),
        )
    return made


def _denials(view: MatterView, app: App) -> Iterable[str]:
    """On what each denial rests, and what the applicant may do about it."""
    for state in view.items:
        result = state.result
        if result.outcome != _DENIED:
            continue
        said = [result.opinion]
        if result.basis:
            said.append(f"{app.words('依据', 'basis')} {'; '.join(result.basis)}")
        if result.reconsideration_days:
            days, months = result.reconsideration_days, result.litigation_months
            said.append(
                app.words(
                    f"可在 {days} 日内申请行政复议，或者 {months} 个月内起诉",
                    f"reconsideration may be asked for within {days} days, or a court within {months} months",
                )
            )
        told = app.words("；", "; ").join(one for one in said if one)
        yield f"{state.item.item_id} {app.words('不予', 'denied')}: {told}"


def _until(state: ItemState, app: App, today: date | None) -> str:
    if state.suspended_for:
        return app.words("停止计时", "stands still")
    if not state.HasField("promised_deadline"):
        return "-"
    left = "" if state.HasField("result") else _left(state.promised_deadline, app, today)
    return last_day(state.promised_deadline) + left


def _left(until: Timestamp, app: App, today: date | None) -> str:
    """How many calendar days are left until the last one has ended; by how many it is over."""
    last = last_day(until)
    if today is None or not last:
        return ""
    days = (date.fromisoformat(last) - today).days
    if days < 0:
        return app.words(f"（逾期 {-days} 天）", f" ({-days} days overdue)")
    return app.words(f"（还有 {days} 天）", f" ({days} days left)")


def _why(explanation: str, app: App) -> str:
    """Of how many days of which kind a deadline comes, where the service explains it."""
    try:
        told = json.loads(explanation) if explanation else {}
        days, kind, start = int(told["days"]), str(told["kind"]), str(told["from"])
    except (ValueError, KeyError, TypeError):
        return ""
    if kind == "working":
        return app.words(f"（自 {start} 起 {days} 个工作日）", f" ({days} working days from {start})")
    return app.words(f"（自 {start} 起 {days} 个自然日）", f" ({days} calendar days from {start})")
