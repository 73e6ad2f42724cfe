"""What the README shows is what ships, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from onematter.contracts.topics import INTAKE_COMMANDS, MATTER_EVENTS, SUBMISSIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "services" / "onematter" / "client" / "examples"


@pytest.mark.parametrize("name", ["bare_kafka.py", "department_system.py"])
def test_examples_stand_in_the_readme(name: str) -> None:
    assert f"```python\n{(EXAMPLES / name).read_text(encoding='utf-8')}```" in README


@pytest.mark.parametrize("topic", [SUBMISSIONS, INTAKE_COMMANDS, MATTER_EVENTS])
def test_topics_in_the_readme_are_those_of_the_table(topic: str) -> None:
    assert f"`{topic}`" in README


def test_the_departments_example_is_as_short_as_promised() -> None:
    assert len((EXAMPLES / "department_system.py").read_text(encoding="utf-8").splitlines()) <= 30
