"""`report.py JUNIT_XML`: say which real parts the tests ran on, and which tests a missing tool kept from running.

A fixture that brings up or finds a real part tells it by pytest's own `record_testsuite_property(name, description)`.
A test that a machine cannot run is skipped with a reason that begins with "needs ". With CI=true such a skip is an
error: exit 1. Standard library only.
"""

from __future__ import annotations

import os
import sys
from xml.etree import ElementTree


def main(path: str) -> int:
    """Print the report of one junit file; returns the exit code."""
    if not os.path.exists(path):
        print(f"{path} is not there: pytest did not run to its end")
        return 1
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    parts = {
        str(part.get("name")): str(part.get("value"))
        for suite in suites
        for part in suite.findall("properties/property")
        # Hypothesis keeps its statistics in the same place.
        if not str(part.get("name")).startswith("hypothesis")
    }
    if parts:
        print("ran on: " + ", ".join(f"{name} {value}" for name, value in parts.items()))
    kept_from_running = [
        f"{case.get('classname')}::{case.get('name')}: {skipped.get('message')}"
        for suite in suites
        for case in suite.iter("testcase")
        for skipped in case.findall("skipped")
        if (skipped.get("message") or "").startswith("needs ")
    ]
    for line in kept_from_running:
        print(f"not run: {line}")
    if kept_from_running and os.environ.get("CI") == "true":
        print(f"{len(kept_from_running)} tests did not run; with CI=true that is an error: install what they need")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
