"""The materials of a guide: what to bring, and what is not asked because the government has it or makes it.

Rule 1: a material is told once, with every item that uses it.
Rule 2: what is not asked is told with its source, so that a window that asks all the same can be shown the guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from onematter.law.catalogue import Catalogue
from onematter.law.dependencies import producers
from onematter.law.guide_handling import Limit, supplement_limit
from onematter.law.matters import ItemType, MaterialSpec, MatterType, Names, TrustClass
from onematter.law.needs import Source, needed
from onematter.law.rules import Facts
from onematter.law.situations import TooManySituations, applying, questions_behind, situations


@dataclass(frozen=True)
class Brought:
    """A material that the applicant brings: now, `later` when it may follow (容缺), or when he likes.

    Unless it `is_certain` it is asked only in some situations; `when` says in which, where the record does. `limit` is
    the time within which it has to follow.
    """

    material_id: str
    names: Names
    trust_class: TrustClass
    due: Literal["asked", "later", "voluntary"]
    media_types: tuple[str, ...]
    max_bytes: int
    item_ids: tuple[str, ...]
    is_certain: bool
    when: Names | None
    limit: Limit | None = None


@dataclass(frozen=True)
class Held:
    """What is not asked: `holders` are the department that shares it, or the items (`maker_ids`) of which one makes
    it on the way.
    """

    names: Names
    by: Literal["shared", "produced"]
    holders: tuple[Names, ...]
    maker_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    is_certain: bool
    when: Names | None


def materials_of(
    catalogue: Catalogue,
    matter_type: MatterType,
    items: Sequence[ItemType],
    facts: Facts,
) -> tuple[tuple[Brought, ...], tuple[Held, ...]]:
    """Return what is brought and what is held, for the items that may apply."""
    brought: list[Brought] = []
    held: list[Held] = []
    for material in matter_type.materials:
        users = [item for item in items if material in item.materials]
        sources = _sources(matter_type, material, users, facts) if users else frozenset[Source | None]()
        is_certain = len(sources) == 1
        when = material.when.explanation or None if material.when is not None and not is_certain else None
        item_ids = tuple(item.item_id for item in users)
        for due in ("asked", "later", "voluntary"):
            if due in sources:
                brought.append(
                    Brought(
                        material.material_id,
                        material.names,
                        material.trust_class,
                        due,
                        material.media_types,
                        material.max_bytes,
                        item_ids,
                        is_certain,
                        when,
                        supplement_limit(users) if due == "later" else None,
                    )
                )
        if "shared" in sources and material.share_source is not None:
            holders = (catalogue.department_names(material.share_source),)
            held.append(Held(material.names, "shared", holders, (), item_ids, is_certain, when))
    return tuple(brought), (*held, *_made(catalogue, matter_type, items, facts))


def _made(catalogue: Catalogue, matter_type: MatterType, items: Sequence[ItemType], facts: Facts) -> list[Held]:
    """Return the certificates that items of the matter make and others of it need."""
    by_id: Mapping[str, ItemType] = {item.item_id: item for item in items}
    produced = producers(items)
    needing: dict[str, list[str]] = {}
    for item in items:
        for certificate in item.needs_certificates:
            if certificate in produced:
                needing.setdefault(certificate, []).append(item.item_id)
    return [
        Held(
            names=catalogue.certificate_names(certificate),
            by="produced",
            holders=tuple(by_id[maker].names for maker in produced[certificate]),
            maker_ids=produced[certificate],
            item_ids=tuple(item_ids),
            is_certain=_always_made(matter_type, produced[certificate], item_ids, facts),
            when=None,
        )
        for certificate, item_ids in needing.items()
    ]


def _always_made(matter_type: MatterType, makers: Sequence[str], item_ids: Sequence[str], facts: Facts) -> bool:
    """Whether one of `makers` and one of the items that need what it makes apply in every situation."""
    try:
        return all(
            any(applies[: len(makers)]) and any(applies[len(makers) :])
            for _, applies in applying(matter_type, [*makers, *item_ids], facts)
        )
    except TooManySituations:
        return False


def _sources(
    matter_type: MatterType, material: MaterialSpec, users: Sequence[ItemType], facts: Facts
) -> frozenset[Source | None]:
    """Return where a material comes from, over all situations that `facts` leave open; None where nobody needs it."""
    makers = producers(matter_type.items).get(material.certificate, ()) if material.certificate is not None else ()
    keys = questions_behind(matter_type, [*(item.item_id for item in users), *makers])
    if material.when is not None:
        keys |= material.when.facts
    try:
        return frozenset(
            next((need.source for need in needed(matter_type, situation) if need.material is material), None)
            for situation in situations(matter_type, keys, facts)
        )
    except TooManySituations:
        own: Source = "shared" if material.share_source is not None else "asked" if material.is_asked else "voluntary"
        return frozenset((own, None))
