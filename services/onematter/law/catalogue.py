"""The catalogue of matters (事项目录): every matter in every version, and what to do with one.

The whole interface of matters to the rest of onematter: `Catalogue`, its records, `plan` and `check`.
Rule 1: a version once used stays; a matter keeps the version it began with, so `get` with a version never
fails over to another.
Rule 2: in force on a day is the version that began last. It ends with its own last day, or when a later one
begins; the one before never comes back. So publishing is a version with a later `valid_from`, and retiring is
a `valid_until`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from onematter.law.checking import SubmittedMaterial, check
from onematter.law.matters import FactSpec, ItemType, Law, MaterialSpec, MatterType, Names, Violation
from onematter.law.planning import PlannedItem, Unroutable, applicable, plan

__all__ = [
    "Catalogue",
    "FactSpec",
    "ItemType",
    "MaterialSpec",
    "MatterNotInForce",
    "MatterType",
    "PlannedItem",
    "SubmittedMaterial",
    "UnknownMatter",
    "Unroutable",
    "Violation",
    "applicable",
    "check",
    "plan",
]


class UnknownMatter(LookupError):
    """The catalogue holds no matter `code`, or not in this `version`."""

    def __init__(self, code: str, version: int | None) -> None:
        wanted = "" if version is None else f" in version {version}"
        super().__init__(f"the catalogue holds no such matter{wanted}; `onematter catalogue` lists what it holds")
        self.code = code
        self.version = version


class MatterNotInForce(UnknownMatter):
    """No version of the matter is in force on `day`; `begins` is when the next one does, if one will."""

    def __init__(self, code: str, day: date, begins: date | None) -> None:
        super().__init__(code, None)
        way_out = f"the next version begins on {begins}" if begins else "it is retired"
        self.args = (f"no version of {code} is in force on {day}; {way_out}",)
        self.day = day
        self.begins = begins


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All matters of a deployment. `departments`, `certificates` and `laws` are what items name by code.

    Raises ValueError when a matter stands twice in the same version.
    """

    matter_types: tuple[MatterType, ...]
    departments: Mapping[str, Names]
    certificates: Mapping[str, Names] = field(default_factory=dict[str, Names])
    laws: Mapping[str, Law] = field(default_factory=dict[str, Law])
    _versions: Mapping[tuple[str, int], MatterType] = field(init=False, repr=False)
    _latest: Mapping[str, MatterType] = field(init=False, repr=False)
    _by_beginning: Mapping[str, tuple[MatterType, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        versions: dict[tuple[str, int], MatterType] = {}
        latest: dict[str, MatterType] = {}
        beginning: dict[str, list[MatterType]] = {}
        for matter_type in sorted(self.matter_types, key=lambda one: (one.code, one.version)):
            key = (matter_type.code, matter_type.version)
            if key in versions:
                raise ValueError(f"{matter_type.code} stands twice in version {matter_type.version}")
            versions[key] = matter_type
            latest[matter_type.code] = matter_type
            beginning.setdefault(matter_type.code, []).append(matter_type)
        object.__setattr__(self, "_versions", versions)
        object.__setattr__(self, "_latest", latest)
        object.__setattr__(
            self,
            "_by_beginning",
            {code: tuple(sorted(found, key=lambda one: one.valid_from)) for code, found in beginning.items()},
        )

    def get(self, matter_code: str, version: int | None = None) -> MatterType:
        """Return a matter in `version`, or in its newest. Raises UnknownMatter."""
        if version is None:
            found = self._latest.get(matter_code)
        else:
            found = self._versions.get((matter_code, version))
        if found is None:
            raise UnknownMatter(matter_code, version)
        return found

    def in_force(self, matter_code: str, day: date) -> MatterType:
        """Return the version that a matter handed in on the legal date `day` takes.

        Raises UnknownMatter, and MatterNotInForce (one of them) when every version begins later or the last one
        has ended.
        """
        versions = self._by_beginning.get(matter_code)
        if versions is None:
            raise UnknownMatter(matter_code, None)
        for position in range(len(versions) - 1, -1, -1):
            found = versions[position]
            if found.valid_from <= day:
                if found.valid_until is None or day <= found.valid_until:
                    return found
                following = versions[position + 1 :]
                raise MatterNotInForce(matter_code, day, following[0].valid_from if following else None)
        raise MatterNotInForce(matter_code, day, versions[0].valid_from)

    def all_in_force(self, day: date) -> tuple[MatterType, ...]:
        """Return what can be handed in on the legal date `day`, by code."""
        found: list[MatterType] = []
        for code in sorted(self._by_beginning):
            with suppress(MatterNotInForce):
                found.append(self.in_force(code, day))
        return tuple(found)

    def versions(self, matter_code: str) -> tuple[MatterType, ...]:
        """Return every version of a matter in the order in which they begin. Raises UnknownMatter."""
        found = self._by_beginning.get(matter_code)
        if found is None:
            raise UnknownMatter(matter_code, None)
        return found

    def latest(self) -> tuple[MatterType, ...]:
        """Return every matter in its newest version, by code."""
        return tuple(self._latest.values())

    def department_names(self, department: str) -> Names:
        """Return a department's names by language; the code itself under both when it is not in the
        catalogue.
        """
        return self.departments.get(department) or {"zh-CN": department, "en": department}

    def certificate_names(self, certificate: str) -> Names:
        """Return a certificate's names by language; the code itself under both when it has none here."""
        return self.certificates.get(certificate) or {"zh-CN": certificate, "en": certificate}
