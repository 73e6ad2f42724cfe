"""The report of the states that the stories reached, at the end of a run that asked for it."""

from __future__ import annotations

import pytest
from tests.stories import coverage


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the report and keep it under build/, when the coverage was worked out."""
    if coverage.reached.cache_info().currsize:
        told = coverage.report()
        coverage.REPORT.parent.mkdir(exist_ok=True)
        coverage.REPORT.write_text(told, encoding="utf-8")
        terminalreporter.section(f"states reached ({coverage.REPORT.name})")
        terminalreporter.write(told)
