"""What intake shows: a matter as it stands, and the catalogue as a guide (办事指南).

Rule: a view has no personal data; whoever knows a matter's id may see it.
"""

from __future__ import annotations

from onematter.common.v1.names_pb2 import LocalizedText
from onematter.common.v1.outcome_pb2 import StreamPosition
from onematter.intake.v1 import intake_service_pb2 as messages
from onematter.intake.v1.intake_state_pb2 import MatterState
from onematter.law.catalogue import ItemType, MaterialSpec, MatterType


def matter_view(matter_id: str, state: MatterState, as_of: StreamPosition) -> messages.MatterView:
    """The matter as it stood at `as_of`."""
    return messages.MatterView(
        matter_id=matter_id,
        matter_number=state.matter_number,
        matter_code=state.matter_code,
        name=state.name,
        division=state.division,
        channel=state.channel,
        status=state.status,
        outcome=state.outcome,
        items=state.items,
        handed_in=state.handed_in if state.HasField("handed_in") else None,
        completed=state.completed if state.HasField("completed") else None,
        visits=state.visits,
        as_of=as_of,
    )


def guide(matter_type: MatterType) -> messages.MatterType:
    """A matter of the catalogue, as an applicant or an integrator needs it."""
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
        items=[_item(item) for item in matter_type.items],
    )


def _item(item: ItemType) -> messages.ItemGuide:
    return messages.ItemGuide(
        item_id=item.item_id,
        name=LocalizedText(texts=item.names),
        department=item.department,
        level=f"LEVEL_{item.level.name}",
        depends_on=item.depends_on,
        legal_days=item.legal_days,
        promised_days=item.promised_days,
        materials=[_material(material) for material in item.materials],
        automatic_rule=item.rule.text if item.rule is not None else "",
    )


def _material(material: MaterialSpec) -> messages.MaterialGuide:
    return messages.MaterialGuide(
        material_id=material.material_id,
        name=LocalizedText(texts=material.names),
        # Shared and tolerant materials are never asked for at the hand-in.
        required=material.is_asked,
        share_source=material.share_source or "",
        media_types=material.media_types,
        max_bytes=material.max_bytes,
    )
