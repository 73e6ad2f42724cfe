"""The catalogue of matters (事项目录): every matter in every version, and what to do with one.

The whole interface of matters to the rest of onematter: `Catalogue`, its records, `plan` and `check`.
Rule 1: a version once used stays; a matter keeps the version it began with, so `get` with a version never
fails over to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from onematter.law.checking import SubmittedMaterial, check
from onematter.law.matters import FactSpec, ItemType, MaterialSpec, MatterType, Names, Violation
from onematter.law.planning import PlannedItem, Unroutable, applicable, plan

__all__ = [
    "Catalogue",
    "FactSpec",
    "ItemType",
    "MaterialSpec",
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


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All matters of a deployment. `departments` are their names by code.

    Raises ValueError when a matter stands twice in the same version.
    """

    matter_types: tuple[MatterType, ...]
    departments: Mapping[str, Names]
    _versions: Mapping[tuple[str, int], MatterType] = field(init=False, repr=False)
    _latest: Mapping[str, MatterType] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        versions: dict[tuple[str, int], MatterType] = {}
        latest: dict[str, MatterType] = {}
        for matter_type in sorted(self.matter_types, key=lambda one: (one.code, one.version)):
            key = (matter_type.code, matter_type.version)
            if key in versions:
                raise ValueError(f"{matter_type.code} stands twice in version {matter_type.version}")
            versions[key] = matter_type
            latest[matter_type.code] = matter_type
        object.__setattr__(self, "_versions", versions)
        object.__setattr__(self, "_latest", latest)

    def get(self, matter_code: str, version: int | None = None) -> MatterType:
        """Return a matter in `version`, or in its newest. Raises UnknownMatter."""
        if version is None:
            found = self._latest.get(matter_code)
        else:
            found = self._versions.get((matter_code, version))
        if found is None:
            raise UnknownMatter(matter_code, version)
        return found

    def latest(self) -> tuple[MatterType, ...]:
        """Return every matter in its newest version, by code."""
        return tuple(self._latest.values())

    def department_names(self, department: str) -> Names:
        """Return a department's names by language; the code itself under both when it is not in the
        catalogue.
        """
        return self.departments.get(department) or {"zh-CN": department, "en": department}
