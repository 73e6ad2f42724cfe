"""What commands from outside must not do to a task."""

from __future__ import annotations

import pytest
from tests.unit.approval.cases import Matter, broken, command, make_core, open_task


@pytest.mark.parametrize("department", ["a\0b", "x" * 65])
def test_a_transfer_to_what_can_be_no_department_is_refused_without_a_table_too(department: str) -> None:
    matter = Matter(make_core()).given(open_task())
    refused = matter.when(command("transfer_task", department=department, reason="职责调整"))
    assert [field for field, _, _ in broken(refused)] == ["transfer_task.department"]
