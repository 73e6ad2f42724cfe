"""What an applicant may wish for with a hand-in: materials that follow later (容缺受理), items decided on a pledge
(告知承诺), and the way in which the result is delivered.

Rule 1: only secondary materials may follow, those that the law of the catalogue calls so in this situation; and only
items of which the catalogue says it are decided on a pledge.
Rule 2: whoever has a credit record that is not repaired is trusted with neither (for the pledge 国办发〔2020〕42号).
The fact `credit_barred` tells, where the matter asks it.
Rule 3: a promised material that was handed in all the same is not outstanding.
"""

# pyright: strict

from __future__ import annotations

from collections.abc import Sequence

from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Refusal
from onematter.intake.fields import label, too_long
from onematter.intake.v1.intake_commands_pb2 import DeliveryWay, SubmitMatter
from onematter.law.matters import DeliveryWay as Offered
from onematter.law.matters import MatterType
from onematter.law.needs import needed
from onematter.law.rules import Facts

CREDIT_FACT = "credit_barred"
MAX_WISHES = 100

# As the catalogue calls them.
_WAYS: dict[int, Offered] = {
    DeliveryWay.DELIVERY_WAY_E_CERTIFICATE: "e_certificate",
    DeliveryWay.DELIVERY_WAY_POST: "post",
    DeliveryWay.DELIVERY_WAY_COUNTER: "counter",
}
_NUMBERS: dict[Offered, DeliveryWay] = {
    "e_certificate": DeliveryWay.DELIVERY_WAY_E_CERTIFICATE,
    "post": DeliveryWay.DELIVERY_WAY_POST,
    "counter": DeliveryWay.DELIVERY_WAY_COUNTER,
}


def check_delivery(submit: SubmitMatter, matter_type: MatterType, refusal: Refusal) -> None:
    """Note a way of delivery that is none, or that the matter does not offer."""
    way = submit.delivery
    if not way:
        return
    if way not in _WAYS:
        refusal.add("submit_matter.delivery", Reason.REASON_FIELD_MALFORMED, {"rule": "delivery"})
    elif _WAYS[way] not in matter_type.delivery:
        offered = {"offered": ", ".join(matter_type.delivery)}
        refusal.add("submit_matter.delivery", Reason.REASON_DELIVERY_WAY_NOT_OFFERED, offered)


def check_promises(submit: SubmitMatter, matter_type: MatterType, facts: Facts, refusal: Refusal) -> None:
    """Note promised materials that may not follow, and pledged items that are not decided so. The facts are right."""
    if facts.get(CREDIT_FACT) is True:
        for name in ("promised_materials", "pledged_items"):
            if getattr(submit, name):
                refusal.add(f"submit_matter.{name}", Reason.REASON_CREDIT_BARRED)
    promised = submit.promised_materials
    if _is_bounded("promised_materials", promised, refusal):
        sources = {need.material.material_id: need.source for need in needed(matter_type, facts)}
        later = [material_id for material_id, source in sources.items() if source == "later"]
        known = {one.material_id for one in matter_type.materials}
        for position, material_id in enumerate(promised):
            field = f"submit_matter.promised_materials[{label(material_id, position)}]"
            if material_id not in known:
                refusal.add(field, Reason.REASON_MATERIAL_UNKNOWN, {"known": ", ".join(later)} if later else {})
            elif material_id in promised[:position]:
                refusal.add(field, Reason.REASON_MATERIAL_DUPLICATE)
            elif sources.get(material_id) != "later":
                refusal.add(field, Reason.REASON_MATERIAL_NOT_TOLERABLE, {"material": material_id})
    pledged = submit.pledged_items
    if _is_bounded("pledged_items", pledged, refusal):
        allowed = {item.item_id for item in matter_type.items if item.pledge}
        known_items = {"known": ", ".join(sorted(allowed))} if allowed else {}
        for position, item_id in enumerate(pledged):
            if item_id.partition("@")[0] not in allowed:
                field = f"submit_matter.pledged_items[{label(item_id, position)}]"
                refusal.add(field, Reason.REASON_PLEDGE_NOT_ALLOWED, known_items)


def outstanding(submit: SubmitMatter) -> list[str]:
    """Return the promised materials that were not handed in (Rule 3)."""
    given = {material.material_id for material in submit.application.materials}
    return [material_id for material_id in submit.promised_materials if material_id not in given]


def pledged(wanted: Sequence[str], item_ids: Sequence[str]) -> list[str]:
    """Return which of the matter's items are pledged; an item without a division stands for all of its instances."""
    return [item_id for item_id in item_ids if item_id in wanted or item_id.partition("@")[0] in wanted]


def way_of(submit: SubmitMatter, matter_type: MatterType) -> DeliveryWay:
    """Return how the result is delivered: as wished, else by e-certificate (UNSPECIFIED), else as first offered."""
    if submit.delivery or "e_certificate" in matter_type.delivery or not matter_type.delivery:
        return submit.delivery
    return _NUMBERS[matter_type.delivery[0]]


def _is_bounded(name: str, wishes: Sequence[str], refusal: Refusal) -> bool:
    if len(wishes) <= MAX_WISHES:
        return True
    too_long(refusal, f"submit_matter.{name}", MAX_WISHES)
    return False
