"""The facts of an application (情形), as the rules of the catalogue see them."""

from __future__ import annotations

from collections.abc import Iterable

from onematter.common.v1.application_pb2 import Application
from onematter.law.rules import FactValue


def facts_of(application: Application, keys: Iterable[str] | None = None) -> dict[str, FactValue]:
    """Return the application's facts; with `keys` those of them alone.

    A fact of a kind that this version does not know is absent to it.
    """
    given = application.facts
    facts: dict[str, FactValue] = {}
    for key in given if keys is None else keys:
        if key in given:
            fact = given[key]
            match fact.WhichOneof("kind"):
                case "text":
                    facts[key] = fact.text
                case "number":
                    facts[key] = fact.number
                case "flag":
                    facts[key] = fact.flag
                case "list":
                    facts[key] = list(fact.list.values)
                case _:
                    pass
    return facts
