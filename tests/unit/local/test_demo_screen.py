"""The live screen keeps to the terminal, in cells, and shows every level of every matter."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from onematter.backbone.catalogue_files import load_catalogue
from onematter.intake.v1.intake_events_pb2 import ItemOutcome
from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemStatus, MatterStatus
from onematter.law.planning import plan
from onematter.law.rules import FactValue
from onematter.local.demo.board import Board
from onematter.local.demo.matters import MATTERS
from onematter.local.demo.screen import Screen, bar, pack
from onematter.local.demo.script import Matter
from onematter.local.demo.words import Words

IDS = tuple(letter * 32 for letter in "abcd")


@pytest.fixture(scope="module")
def views() -> list[MatterView]:
    catalogue = load_catalogue()
    made: list[MatterView] = []
    for matter_id, matter in zip(IDS, MATTERS, strict=True):
        matter_type = catalogue.get(matter.code)
        facts: dict[str, FactValue] = dict(matter.facts)  # type: ignore[arg-type]
        view = MatterView(matter_id=matter_id, matter_number="202611233301062000000101", matter_code=matter.code)
        view.status = MatterStatus.MATTER_STATUS_RUNNING
        view.name.texts.update(matter_type.names)
        for planned in plan(matter_type, matter.division, facts):
            state = view.items.add(status=ItemStatus.ITEM_STATUS_OPEN)
            state.item.item_id = planned.instance_id
            state.item.level = planned.level.value  # type: ignore[assignment]
            state.item.division = planned.division
            state.item.department = planned.department
            state.item.name.texts.update(planned.item.names)
        made.append(view)
    return made


def shown(views: list[MatterView], width: int, height: int, language: str) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    matters: dict[str, Matter] = dict(zip(IDS, MATTERS, strict=True))
    board = Board()
    screen = Screen(console, board, Words(language), matters, live=True)
    board.tell = screen.tell
    for view in views:
        board.saw(view)
        for state in view.items:
            board.claimed(view.matter_id, state.item)
    with console.capture() as captured:
        console.print(screen.render())
    return captured.get().splitlines()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (160, 50), (60, 40)])
def test_nothing_is_wider_or_higher_than_the_terminal(
    views: list[MatterView], width: int, height: int, language: str
) -> None:
    lines = shown(views, width, height, language)
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) <= height


@pytest.mark.parametrize(("language", "level"), [("en", "province 省"), ("zh-CN", "省 province")])
def test_every_item_stands_in_the_row_of_its_level(views: list[MatterView], language: str, level: str) -> None:
    lines = shown(views, 100, 40, language)
    rows = [line for line in lines if line.startswith(level)]
    # The birth and the closing have no item at the province.
    assert len(rows) == 2
    assert [("02" in rows[0], "03" in rows[0]), ("01" in rows[1], "05" in rows[1])] == [(True, True), (True, True)]


def test_a_low_terminal_gives_up_the_rows_of_the_last_matters_first(views: list[MatterView]) -> None:
    def kept(lines: list[str]) -> tuple[int, list[str], int]:
        events = [line for line in lines if " OM-" in line[:16]]
        titles = [line[:5] for line in lines if line.startswith("OM-")]
        return len(events), titles, len([line for line in lines if line.startswith("joined")])

    codes = [matter.code for matter in MATTERS]
    events, titles, whole = kept(shown(views, 80, 60, "en"))
    assert (titles, whole) == (codes, 4)
    assert events > 0
    assert kept(shown(views, 80, 24, "en"))[1:] == (codes, 2)
    assert kept(shown(views, 80, 8, "en"))[1:] == (codes, 0)


def test_a_finished_matter_gives_up_its_rows_first(views: list[MatterView]) -> None:
    done = MatterView()
    done.CopyFrom(views[0])
    done.status = MatterStatus.MATTER_STATUS_COMPLETED
    lines = shown([done, *views[1:]], 80, 30, "en")
    assert "one result 综合出件" in next(line for line in lines if line.startswith("OM-17"))
    assert len([line for line in lines if line.startswith("joined")]) == 3


def test_a_closed_matter_says_so(views: list[MatterView]) -> None:
    done = MatterView()
    done.CopyFrom(views[0])
    done.status = MatterStatus.MATTER_STATUS_COMPLETED
    for state in done.items:
        state.status = ItemStatus.ITEM_STATUS_CONCLUDED
        state.result.outcome = ItemOutcome.ITEM_OUTCOME_GRANTED
    lines = shown([views[0], done], 80, 24, "en")
    joined = next(line for line in lines if line.startswith("joined"))
    assert "one result 综合出件" in joined
    assert "three levels open at once" in joined
    assert "10/10" in joined


def test_chips_are_packed_by_cells() -> None:
    chips = [Text("省省省"), Text("abcd"), Text("市市市市市市")]
    # 6 + 2 + 4 cells fit 12; a chip of its own that is too wide is cut.
    assert [line.plain for line in pack(chips, 12)] == ["省省省  abcd", "市市市市市市"]
    assert [line.plain for line in pack(chips, 11)] == ["省省省", "abcd", "市市市市市 "]


@pytest.mark.parametrize(("done", "total", "full"), [(0, 0, 0), (0, 4, 0), (1, 4, 2), (4, 4, 8)])
def test_a_bar_is_full_at_the_end_only(done: int, total: int, full: int) -> None:
    assert bar(done, total, 8).plain == "▰" * full + "▱" * (8 - full)
