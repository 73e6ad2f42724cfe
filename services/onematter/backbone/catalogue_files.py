"""Read the law's data from files: catalogue with its tables, working-day calendar, names of divisions.

Rule 1: this is the only place that reads them; `onematter.law` gets plain data and stays pure.
Rule 2: a directory is taken whole or not at all, and every problem of every file is told at once, with the
file, the path inside the document, the rule and the way out.
Rule 3: YAML is read as data only (no tags), dates stay texts, a key given twice is refused, a file is at most
1 MiB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from onematter.law.calendar import CalendarYear, WorkingCalendar, read_calendar_year
from onematter.law.catalogue import Catalogue
from onematter.law.divisions import level_of
from onematter.law.matters import Law, MatterType, Names
from onematter.law.problems import DocumentRefused, Problem
from onematter.law.reading import Document, read_matter_type

MAX_FILE_BYTES = 1_048_576
DEPARTMENTS_FILE = "departments.yaml"
CERTIFICATES_FILE = "certificates.yaml"
LAWS_FILE = "laws.yaml"
TABLES = (DEPARTMENTS_FILE, CERTIFICATES_FILE, LAWS_FILE)

_DATA = resources.files("onematter.law") / "data"
_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class FileProblem:
    """What is wrong in one file."""

    file: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


class LawFilesRefused(ValueError):
    """Files that cannot be used, with all of their problems."""

    def __init__(self, problems: list[FileProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load_catalogue(directory: Path | None = None) -> Catalogue:
    """Return the catalogue in `directory`, or the one that ships with the package.

    Every `*.yaml` is one matter in one version, but for the tables that items name by code: `departments.yaml`,
    `certificates.yaml` and `laws.yaml`; the shipped one stands in for each that is not there. Raises
    LawFilesRefused, also when a directory holds no matter.
    """
    catalogue, problems = read_catalogue(directory)
    if problems:
        raise LawFilesRefused(problems)
    return catalogue


def read_catalogue(directory: Path | None = None) -> tuple[Catalogue, list[FileProblem]]:
    """Return what can be read of a catalogue, and all problems of the rest; for a lint, which tells both.

    Raises LawFilesRefused when there is no such directory.
    """
    folder = _folder(directory, "catalogue")
    files = _yaml_files(folder)
    problems: list[FileProblem] = []
    by_name = {file.name: file for file in files}
    departments, certificates, laws = (
        _table(by_name.get(name) or _DATA / "catalogue" / name, problems) for name in TABLES
    )
    matter_types: dict[tuple[str, int], MatterType] = {}
    for file in files:
        if file.name in TABLES:
            continue
        matter_type = _matter_type(file, departments, problems)
        if matter_type is None:
            continue
        key = (matter_type.code, matter_type.version)
        if key in matter_types:
            _add(
                problems,
                file,
                Problem("version", f"{key[0]} version {key[1]} stands in another file too", "raise the version"),
            )
        matter_types[key] = matter_type
    if not matter_types and not problems:
        _add(
            problems,
            folder,
            Problem("*.yaml", "no matter in this directory", "name the directory of the catalogue"),
        )
    catalogue = Catalogue(
        tuple(matter_types[key] for key in sorted(matter_types)),
        departments,
        certificates,
        {code: Law(law["names"], law.get("number")) for code, law in laws.items()},
    )
    return catalogue, problems


def load_calendar(directory: Path | None = None) -> WorkingCalendar:
    """Return the calendar of all years in `directory`, or of those that ship with the package. Raises
    LawFilesRefused.
    """
    folder = _folder(directory, "calendar")
    problems: list[FileProblem] = []
    years: dict[int, CalendarYear] = {}
    for file in _yaml_files(folder):
        year = _calendar_year(file, problems)
        if year is None:
            continue
        if year.year in years:
            _add(
                problems,
                file,
                Problem("year", f"{year.year} stands in another file too", "keep one of the two"),
            )
        years[year.year] = year
    if not years and not problems:
        _add(
            problems,
            folder,
            Problem("*.yaml", "no year in this directory", "name the directory of the calendar"),
        )
    if problems:
        raise LawFilesRefused(problems)
    return WorkingCalendar.of(years.values())


def load_divisions(file: Path | None = None) -> Mapping[str, Names]:
    """Return the names of divisions by code, in the order of the codes. Raises LawFilesRefused."""
    source = file or _DATA / "divisions.yaml"
    problems: list[FileProblem] = []
    document = _read(source, "divisions", problems)
    names: dict[str, Names] = document["divisions"] if document else {}
    for code in names:
        try:
            level_of(code)
        except ValueError as error:
            rule, _, way_out = str(error).partition("; ")
            _add(problems, source, Problem(f"divisions.{code}", rule, way_out))
    if problems:
        raise LawFilesRefused(problems)
    return {code: names[code] for code in sorted(names)}


def _matter_type(file: Traversable, departments: Mapping[str, Names], problems: list[FileProblem]) -> MatterType | None:
    document = _read(file, "catalogue", problems)
    if document is None:
        return None
    for path, department in _departments_named(document):
        if department not in departments:
            problem = Problem(
                path,
                f"unknown department {department}",
                f"name it in {DEPARTMENTS_FILE}, or correct its code",
            )
            _add(problems, file, problem)
    try:
        return read_matter_type(document)
    except DocumentRefused as refused:
        for problem in refused.problems:
            _add(problems, file, problem)
        return None


def _departments_named(document: Document) -> list[tuple[str, str]]:
    named = [("lead_department", document["lead_department"])]
    for index, item in enumerate(document["items"]):
        named.append((f"items[{index}].department", item["department"]))
        if "supervised_by" in item:
            named.append((f"items[{index}].supervised_by", item["supervised_by"]))
        asked = item.get("opinions", {}).get("departments", ())
        named += [(f"items[{index}].opinions.departments[{place}]", code) for place, code in enumerate(asked)]
    for index, material in enumerate(document["materials"]):
        if "share_source" in material:
            named.append((f"materials[{index}].share_source", material["share_source"]))
    return named


def _table(file: Traversable, problems: list[FileProblem]) -> dict[str, Any]:
    """Return what a table holds by code; nothing when it is refused."""
    name = file.name.removesuffix(".yaml")
    document = _read(file, name, problems)
    return document[name] if document else {}


def _calendar_year(file: Traversable, problems: list[FileProblem]) -> CalendarYear | None:
    document = _read(file, "calendar", problems)
    if document is None:
        return None
    try:
        return read_calendar_year(document)
    except ValueError as error:
        rule, _, way_out = str(error).partition("; ")
        _add(problems, file, Problem("(document)", rule, way_out or "write days as 2026-01-01"))
        return None


class _Loader(yaml.SafeLoader):
    """YAML as data: dates stay texts, and a key given twice is an error instead of a silent loss."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP_TAG]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {key.value} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read(file: Traversable, schema: str, problems: list[FileProblem]) -> dict[str, Any] | None:
    """Return a file's document when it passes its schema; else add its problems and return None."""
    try:
        content = file.read_bytes()
    except OSError as error:
        _add(problems, file, Problem("(file)", f"cannot be read ({error.strerror})", "make it readable"))
        return None
    if len(content) > MAX_FILE_BYTES:
        _add(
            problems,
            file,
            Problem("(file)", f"{len(content)} bytes", f"keep it within {MAX_FILE_BYTES} bytes"),
        )
        return None
    try:
        document = yaml.load(content, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark is not None else "(file)"
        reason = getattr(error, "problem", None) or type(error).__name__
        _add(
            problems,
            file,
            Problem(place, f"no YAML that can be read: {reason}", "correct it; the file is UTF-8"),
        )
        return None
    errors = _schema_errors(schema, document)
    for error in errors:
        _add(problems, file, _problem_of(error))
    return None if errors else cast("dict[str, Any]", document)


def _schema_errors(schema: str, document: Any) -> list[ValidationError]:
    # The stubs leave the type of a second, deprecated parameter open.
    iter_errors = cast("Callable[[Any], Iterable[ValidationError]]", _validator(schema).iter_errors)  # pyright: ignore[reportUnknownMemberType]
    return sorted((inner for error in iter_errors(document) for inner in _meant(error)), key=_path_of)


def _meant(error: ValidationError) -> list[ValidationError]:
    """Return what is wrong with a value that may have several forms, in the form that it has."""
    if error.validator != "anyOf":
        return [error]
    forms: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        forms.setdefault(inner.relative_schema_path[0], []).append(inner)
    for found in forms.values():
        if all(inner.validator != "type" or inner.relative_path for inner in found):
            return [meant for inner in found for meant in _meant(inner)]
    return [error]


def _path_of(error: ValidationError) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return "".join(parts).removeprefix(".")


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = (_DATA / f"{schema}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _problem_of(error: ValidationError) -> Problem:
    """Say a schema's error in the terms of this project. The schema's own description of a value is its way
    out.
    """
    path = _path_of(error) or "(document)"
    schema = cast("Mapping[str, Any]", error.schema)
    described = cast("str | None", schema.get("description"))
    keyword = str(error.validator)
    tell = _TELL.get(keyword)
    rule, way_out = tell(error, schema) if tell else (f"breaks {keyword}", f"keep to {keyword} {error.validator_value}")
    return Problem(path, rule, f"write {described}" if described and keyword not in _STRUCTURE else way_out)


# Of these the description of the whole is no way out: what is missing or too much is named.
_STRUCTURE = frozenset({"required", "additionalProperties"})

_Tell = Callable[[ValidationError, "Mapping[str, Any]"], tuple[str, str]]


def _tell_missing(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, str]:
    missing = [key for key in schema["required"] if key not in cast("dict[str, Any]", error.instance)]
    return f"misses {', '.join(missing)}", "add it"


def _tell_unknown(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, str]:
    known: Mapping[str, Any] = schema.get("properties", {})
    unknown = sorted(str(key) for key in cast("dict[Any, Any]", error.instance) if key not in known)
    return f"holds unknown {', '.join(unknown)}", f"use {', '.join(sorted(known))}"


def _tell_type(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    quoted = ", in quotes when it looks like something else" if error.validator_value == "string" else ""
    return f"is no {error.validator_value}", f"write a {error.validator_value}{quoted}"


def _tell_choice(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, str]:
    allowed = ", ".join(str(choice) for choice in schema["enum"])
    return f"{error.instance!r} is not allowed here", f"use one of {allowed}"


def _tell_form(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    return f"is a {type(error.instance).__name__}", "give it one of its forms"


def _tell_pattern(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, str]:
    return f"{error.instance!r} has not the right form", f"match {schema['pattern']}"


_TELL: dict[str, _Tell] = {
    "required": _tell_missing,
    "additionalProperties": _tell_unknown,
    "type": _tell_type,
    "enum": _tell_choice,
    "pattern": _tell_pattern,
    "anyOf": _tell_form,
}


def _folder(directory: Path | None, shipped: str) -> Traversable:
    if directory is None:
        return _DATA / shipped
    if not directory.is_dir():
        problem = Problem("(directory)", "no such directory", "name a directory of *.yaml files")
        raise LawFilesRefused([FileProblem(str(directory), problem)])
    return directory


def _yaml_files(folder: Traversable) -> list[Traversable]:
    return sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml") and file.is_file()),
        key=lambda file: file.name,
    )


def _add(problems: list[FileProblem], file: Traversable, problem: Problem) -> None:
    problems.append(FileProblem(str(file), problem))
