"""What intake shows: a matter as it stands, and the catalogue as a guide (办事指南).

Rule 1: a view has no personal data; whoever knows a matter's id, or its number and query code, may see it.
Rule 2: what the state alone does not tell (trips still to come, why the deadline is that day) needs the matter's type
and the calendar; without them it stays out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from onematter.common.v1.names_pb2 import LocalizedText
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.intake.clock import clocks_of
from onematter.intake.items import missing_of
from onematter.intake.trips import expected_visits
from onematter.intake.v1 import intake_service_pb2 as messages
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.calendar import CalendarMissing, WorkingCalendar
from onematter.law.catalogue import ItemType, MaterialSpec, MatterType
from onematter.law.dependencies import dependencies
from onematter.law.explaining import document, explain
from onematter.law.needs import asked
from onematter.law.periods import Period

_TIMES = ("handed_in", "completed", "deadlines", "acceptance_deadline", "delivery_deadline", "delivered")


def matter_view(
    matter_id: str,
    state: MatterState,
    as_of: StreamPosition,
    *,
    matter_type: MatterType | None = None,
    calendar: WorkingCalendar | None = None,
) -> messages.MatterView:
    """The matter as it stood at `as_of`. `matter_type`: in the version that it began with."""
    not_shared = {*state.unshared_materials, *state.instead_materials}
    view = messages.MatterView(
        matter_id=matter_id,
        matter_number=state.matter_number,
        matter_code=state.matter_code,
        name=state.name,
        division=state.division,
        channel=state.channel,
        status=state.status,
        outcome=state.outcome,
        items=state.items,
        visits=state.visits,
        as_of=as_of,
        trips=state.trips,
        expected_visits=state.visits if matter_type is None else expected_visits(state, matter_type),
        accepted_by=state.accepted_by,
        accepted_day=state.accepted_day,
        missing=missing_of(state),
        outstanding_materials=state.outstanding_materials,
        # What was not shared is asked after all, or was supplied by the applicant.
        held_materials=[one for one in state.held_materials if one.material_id not in not_shared],
        unshared_materials=state.unshared_materials,
        delivery=state.delivery,
        owner_division=state.owner_division,
        receiving_division=state.receiving_division,
    )
    for name in _TIMES:
        if state.HasField(name):
            getattr(view, name).CopyFrom(getattr(state, name))
    if matter_type is not None and calendar is not None:
        view.deadline_explanation_json = _explanation(state, matter_type, calendar)
    return view


def _explanation(state: MatterState, matter_type: MatterType, calendar: WorkingCalendar) -> str:
    """Why the matter's own period ends when it does: the promised one, or the legal one where nothing is promised."""
    if not state.accepted_day:
        return ""
    legal, promised = clocks_of(matter_type, state)
    period = promised or legal
    return "" if period is None else _explained(period, calendar)


@lru_cache(maxsize=1_024)
def _explained(period: Period, calendar: WorkingCalendar) -> str:
    try:
        return json.dumps(document(explain(period, calendar)), ensure_ascii=False)
    except CalendarMissing:
        return ""


def guide(matter_type: MatterType) -> messages.MatterType:
    """A matter of the catalogue, as an applicant or an integrator needs it."""
    # In whatever situation: what is asked in some alone is not required of everybody.
    waits_for = dependencies(matter_type.items)
    required = {one.material_id for one in asked(matter_type, (True,) * len(matter_type.items), {})}
    return messages.MatterType(
        matter_code=matter_type.code,
        version=matter_type.version,
        name=LocalizedText(texts=matter_type.names),
        lead_department=matter_type.lead_department,
        illustrative=matter_type.illustrative,
        evidence=matter_type.evidence,
        facts=[
            messages.FactQuestion(
                key=fact.key,
                kind=fact.kind,
                required=fact.required,
                name=LocalizedText(texts=fact.names),
                choices=fact.choices,
            )
            for fact in matter_type.facts
        ],
        items=[_item(item, waits_for[item.item_id], required) for item in matter_type.items],
    )


def _item(item: ItemType, waits_for: Sequence[str], required: set[str]) -> messages.ItemGuide:
    return messages.ItemGuide(
        item_id=item.item_id,
        name=LocalizedText(texts=item.names),
        department=item.department,
        level=f"LEVEL_{item.level.name}",
        depends_on=waits_for,
        legal_days=item.legal_days,
        promised_days=item.promised_days,
        materials=[_material(material, material.material_id in required) for material in item.materials],
        automatic_rule=item.rule.text if item.rule is not None else "",
    )


def _material(material: MaterialSpec, required: bool) -> messages.MaterialGuide:
    return messages.MaterialGuide(
        material_id=material.material_id,
        name=LocalizedText(texts=material.names),
        # What is shared, made on the way, or may follow is never asked for at the hand-in.
        required=required,
        share_source=material.share_source or "",
        media_types=material.media_types,
        max_bytes=material.max_bytes,
    )
