"""A guide as a document for machines; `data/guide.schema.json` describes every field of it.

Rule 1: names are objects by language, so that one document serves every reader.
Rule 2: what is not known is absent; null stands nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onematter.law.clock import ACCEPTANCE, DELIVERY, JOINT_DECISION, OPINION
from onematter.law.guide import Duration, Guide, Question, Step
from onematter.law.guide_handling import Asked
from onematter.law.guide_materials import Brought, Held
from onematter.law.remedies import LITIGATION_MONTHS, RECONSIDERATION_DAYS


def as_document(guide: Guide) -> dict[str, Any]:
    """Return the guide as plain data."""
    return _known(
        {
            "code": guide.code,
            "version": guide.version,
            "names": dict(guide.names),
            "lead": {"department": dict(guide.lead_department), "level": guide.lead_level.name},
            "valid_from": guide.valid_from.isoformat(),
            "valid_until": guide.valid_until.isoformat() if guide.valid_until else None,
            "illustrative": guide.is_illustrative,
            "evidence": {group: str(evidence) for group, evidence in guide.evidence.items()},
            "answers": [{"key": one.key, "names": dict(one.names), "value": dict(one.value)} for one in guide.answers],
            "questions": [_question(one) for one in guide.questions],
            "stages": [[_step(step) for step in stage] for stage in guide.stages],
            "bring": [_brought(one) for one in guide.brought],
            "not_asked": [_held(one) for one in guide.held],
            "visits": {"at_most": 1 if guide.visits else 0, "for": [one.material_id for one in guide.visits]},
            "acceptance": {"by": guide.handling.acceptance, "within_days": _acceptance_days(guide)},
            "joint": guide.handling.is_joint,
            "delivery": {"ways": list(guide.handling.delivery), "within_days": DELIVERY.days},
            "cross_region": list(guide.handling.cross_region),
            "remedies": {"reconsideration_days": RECONSIDERATION_DAYS, "litigation_months": LITIGATION_MONTHS},
            "time": _known(
                {
                    "promised_days": guide.promised_days,
                    "promised_by_situation": [
                        _known({"when": dict(one.when) if one.when is not None else None, "days": one.days})
                        for one in guide.handling.totals
                    ]
                    or None,
                    "legal_days": JOINT_DECISION.days if guide.handling.is_joint else None,
                    "promised_path": _duration(guide.promised),
                    "legal_path": _duration(guide.legal),
                }
            ),
        }
    )


def _acceptance_days(guide: Guide) -> int:
    return 0 if guide.handling.acceptance == "rule" else ACCEPTANCE.days


def _known(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _question(question: Question) -> dict[str, Any]:
    return _known(
        {
            "key": question.key,
            "names": dict(question.names),
            "kind": question.kind,
            "required": question.required,
            "choices": [dict(one) for one in question.choices],
            "when": dict(question.when) if question.when is not None else None,
            "decides": question.decides,
        }
    )


def _step(step: Step) -> dict[str, Any]:
    return _known(
        {
            "item_id": step.item_id,
            "names": dict(step.names),
            "department": dict(step.department),
            "level": step.level.name,
            "case_type": step.case_type,
            "certain": step.is_certain,
            "optional": step.is_optional,
            "when": dict(step.when) if step.when is not None else None,
            "alternatives": list(step.alternatives),
            "each": dict(step.each) if step.each is not None else None,
            "after": list(step.after),
            "produces": [dict(one) for one in step.produces],
            "legal_days": step.legal_days,
            "promised_days": step.promised_days,
            "clock_kind": step.clock_kind,
            "by_rule": dict(step.by_rule) if step.by_rule is not None else None,
            "visits_with": list(step.visits_with),
            "basis": [dict(one) for one in step.basis],
            "code": {"scheme": step.code.scheme, "text": step.code.text} if step.code is not None else None,
            "online_depth": step.online_depth,
            "fee": dict(step.fee) if step.fee is not None else None,
            "routing": step.routing,
            "pledge": step.has_pledge,
            "opinions": _asked(step.asked) if step.asked is not None else None,
            "denial": "matter" if step.ends_matter else "dependents",
            "validity_years": step.validity_years,
            "supervised_by": dict(step.supervised_by) if step.supervised_by is not None else None,
            "evidence": {group: str(evidence) for group, evidence in step.evidence.items()},
        }
    )


def _asked(asked: Asked) -> dict[str, Any]:
    return {
        "departments": [dict(one) for one in asked.departments],
        "quorum": asked.quorum,
        "veto": asked.has_veto,
        "within_days": OPINION.days,
    }


def _brought(one: Brought) -> dict[str, Any]:
    return _known(
        {
            "material_id": one.material_id,
            "names": dict(one.names),
            "trust_class": one.trust_class,
            "due": one.due,
            "later_within": {"days": one.limit.days, "kind": one.limit.kind} if one.limit is not None else None,
            "media_types": list(one.media_types),
            "max_bytes": one.max_bytes,
            "items": list(one.item_ids),
            "certain": one.is_certain,
            "when": dict(one.when) if one.when is not None else None,
        }
    )


def _held(one: Held) -> dict[str, Any]:
    return _known(
        {
            "names": dict(one.names),
            "by": one.by,
            "holders": [dict(holder) for holder in one.holders],
            "made_by": list(one.maker_ids) or None,
            "items": list(one.item_ids),
            "certain": one.is_certain,
            "when": dict(one.when) if one.when is not None else None,
        }
    )


def _duration(duration: Duration) -> dict[str, Any]:
    return {
        "least_days": duration.least_days,
        "most_days": duration.most_days,
        "items": list(duration.item_ids),
        "unknown": list(duration.unknown),
        "converted": duration.is_converted,
    }
