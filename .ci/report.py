"""`report.py JUNIT_XML…`: say on which real parts the tests ran, which a missing tool kept from running, and the sum.

A fixture that brings up or finds a real part tells it by pytest's own `record_testsuite_property(name, description)`.
A test that a machine cannot run is skipped with a reason that begins with "needs ". With CI=true such a skip is an
error: exit 1; so is a file that is not there. The last line is the sum over all files, in the form of pytest's own
closing line; its time is that of all together, one after the other. Standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree


def parts_of(suites: Sequence[ElementTree.Element]) -> dict[str, str]:
    """The real parts that were told, by name."""
    return {
        str(part.get("name")): str(part.get("value"))
        for suite in suites
        for part in suite.findall("properties/property")
        # Hypothesis keeps its statistics in the same place.
        if not str(part.get("name")).startswith("hypothesis")
    }


def kept_from_running(suites: Sequence[ElementTree.Element]) -> list[str]:
    """The tests that were skipped for want of something, with what they need."""
    return [
        f"{case.get('classname')}::{case.get('name')}: {skipped.get('message')}"
        for suite in suites
        for case in suite.iter("testcase")
        for skipped in case.findall("skipped")
        if (skipped.get("message") or "").startswith("needs ")
    ]


def closing_line(suites: Sequence[ElementTree.Element]) -> str:
    """What pytest says last, over all of them."""

    def sum_of(name: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites)

    failed, errors, skipped = sum_of("failures"), sum_of("errors"), sum_of("skipped")
    passed = sum_of("tests") - failed - errors - skipped
    counts = ((failed, "failed"), (passed, "passed"), (skipped, "skipped"), (errors, "errors"))
    told = ", ".join(f"{count} {what}" for count, what in counts if count) or "no tests ran"
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    return f" {told} in {seconds:.2f}s ".center(80, "=")


def main(paths: Sequence[str]) -> int:
    """Print the report of some junit files; returns the exit code."""
    missing = [path for path in paths if not os.path.exists(path)]
    for path in missing:
        print(f"{path} is not there: pytest did not run to its end")
    by_file = {
        Path(path).stem: list(ElementTree.parse(path).getroot().iter("testsuite"))
        for path in paths
        if path not in missing
    }
    suites = [suite for found in by_file.values() for suite in found]
    for name, found in by_file.items():
        print(f"{name}: {closing_line(found).strip('= ')}")
    if parts := parts_of(suites):
        print("ran on: " + ", ".join(f"{name} {value}" for name, value in parts.items()))
    kept = kept_from_running(suites)
    for line in kept:
        print(f"not run: {line}")
    wrong = bool(missing)
    if kept and os.environ.get("CI") == "true":
        print(f"{len(kept)} tests did not run; with CI=true that is an error: install what they need")
        wrong = True
    print(closing_line(suites))
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
