"""The live terminal: one row a level for each matter, redrawn whole; and plain lines where there is no terminal.

Rule 1: nothing is wider than the terminal, counted in cells: a Chinese character has two. Signs whose width depends on
the terminal (East Asian Ambiguous) are not used.
Rule 2: where the terminal is low, the latest events give way first, then the legend, then the rows of matters at their
end, then those of the last; each matter keeps one line at least.
Rule 3: a level at which a matter has no item has no row.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from onematter.intake.v1.intake_service_pb2 import MatterView
from onematter.intake.v1.intake_state_pb2 import ItemState
from onematter.local.demo import board as facts
from onematter.local.demo.board import Board, Happening
from onematter.local.demo.script import Matter
from onematter.local.demo.words import CHINESE, Words, clock

LABEL_CELLS = 12
BAR_CELLS = 8
_COUNT_CELLS = 6
_KEPT_EVENTS = 40
_STYLES = {
    facts.WAITING: "dim",
    facts.SENT: "dim",
    facts.OPEN: "bold yellow",
    facts.CLAIMED: "bold cyan",
    facts.GRANTED: "green",
    facts.BY_RULE: "magenta",
    facts.DENIED: "red",
    facts.CLOSED: "red",
}


@dataclass
class Screen:
    """Shows a board. `matters` is by matter_id and grows as matters are handed in."""

    console: Console
    board: Board
    words: Words
    matters: Mapping[str, Matter]
    live: bool
    began: float = field(default_factory=time.monotonic)
    _events: deque[str] = field(default_factory=lambda: deque[str](maxlen=_KEPT_EVENTS))

    def tell(self, happening: Happening) -> None:
        """Show a happening: among the latest events, or as a line of its own."""
        line = f"{clock(datetime.now())} {self.words.line(self.matters[happening.matter_id].code, happening)}"
        self._events.append(line)
        if not self.live:
            self.console.print(line, soft_wrap=True, markup=False)

    def render(self) -> RenderableType:
        """The whole picture, no higher than the terminal."""
        width, height = self.console.size
        rows: list[RenderableType] = [self._head(width)]
        known = [
            (matter, self.board.views[matter_id])
            for matter_id, matter in self.matters.items()
            if matter_id in self.board.views
        ]
        whole = [self._matter(matter, view, width) for matter, view in known]
        # Finished ones give way first, then the last.
        order = sorted(range(len(known)), key=lambda i: (not self.board.completed(known[i][1].matter_id), -i))
        used = 1 + sum(lines for _, lines in whole)
        for i in order:
            if used < height:
                break
            used -= whole[i][1] - 1
            whole[i] = self._line(*known[i], width), 1
        rows += [shown for shown, _ in whole]
        left = height - used - 1
        if left > 0:
            rows.append(Text(self.words.legend(), "dim", no_wrap=True, overflow="ellipsis"))
            left -= 1
        for line in list(self._events)[-left:] if left > 0 else ():
            rows.append(_cut(line, width))
        return Group(*rows)

    def _head(self, width: int) -> Text:
        words = self.words
        left = Text(words.both("最多跑一次", "Run at most once"), "bold")
        right = (
            f"{words.both('告知', 'notices')} {self.board.sent()}  "
            f"{clock(datetime.now())[:8]}  {time.monotonic() - self.began:5.1f} s"
        )
        gap = width - left.cell_len - cell_len(right)
        return left + Text(" " * gap + right if gap > 0 else "")

    def _matter(self, matter: Matter, view: MatterView, width: int) -> tuple[RenderableType, int]:
        words = self.words
        done, total = _progress(view.items, self.board, view.matter_id)
        title = Text(f"{matter.code} {words.name(view.name)} ", "bold")
        if title.cell_len + len(view.matter_number) <= width:
            title.append(view.matter_number, "dim")
        title.truncate(width)
        made = Table.grid(padding=(0, 1))
        made.add_column(width=LABEL_CELLS, no_wrap=True)
        room = width - LABEL_CELLS - BAR_CELLS - _COUNT_CELLS - 3
        made.add_column(width=room, no_wrap=True)
        made.add_column(width=BAR_CELLS, no_wrap=True)
        made.add_column(width=_COUNT_CELLS, no_wrap=True)
        lines = 2
        for level in facts.LEVELS:
            items = [state for state in view.items if state.item.level == level]
            if not items:
                continue
            chips = [self._chip(matter, view.matter_id, state) for state in items]
            packed = pack(chips, room)
            level_done, level_total = _progress(items, self.board, view.matter_id)
            made.add_row(
                words.level(level),
                Text("\n").join(packed) if packed else Text(""),
                bar(level_done, level_total, BAR_CELLS),
                f"{level_done}/{level_total}",
            )
            lines += max(1, len(packed))
        joined = self._joined(view.matter_id, room)
        made.add_row(words.both("合", "joined"), joined, bar(done, total, BAR_CELLS), f"{done}/{total}")
        return Group(title, made), lines

    def _line(self, matter: Matter, view: MatterView, width: int) -> Text:
        done, total = _progress(view.items, self.board, view.matter_id)
        name = self.words.pick(view.name.texts[CHINESE], view.name.texts["en"])
        line = Text(f"{matter.code} {name} ", "bold") + bar(done, total, BAR_CELLS)
        line = line + Text(f" {done}/{total}  ") + self._joined(view.matter_id, width)
        line.truncate(width)
        return line

    def _joined(self, matter_id: str, room: int) -> Text:
        words, said = self.words, Text("")
        if self.board.completed(matter_id):
            said = Text(words.both("综合出件", "one result") + "  ", "bold green")
        if matter_id in self.board.together:
            pair = ("三级同时在办", "three levels open at once")
            whole = words.both(*pair)
            fits = said.cell_len + cell_len(whole) <= room
            said = said + Text(whole if fits else words.pick(*pair), "green")
        said.truncate(room)
        return said

    def _chip(self, matter: Matter, matter_id: str, state: ItemState) -> Text:
        status = self.board.status(matter_id, state)
        name = self.words.short(matter, state.item)
        if status == facts.WAITING:
            return Text(name, _STYLES[status])
        return Text(f"{name} ") + Text(self.words.status(status), _STYLES[status])


def pack(chips: Sequence[Text], width: int) -> list[Text]:
    """Put chips side by side, as many to a line as there is room for; one that is too wide is cut."""
    lines: list[Text] = []
    for chip in chips:
        if lines and lines[-1].cell_len + 2 + chip.cell_len <= width:
            lines[-1] = lines[-1] + Text("  ") + chip
        else:
            chip = chip.copy()
            chip.truncate(width)
            lines.append(chip)
    return lines


def bar(done: int, total: int, cells: int) -> Text:
    """A progress bar of neutral-width signs."""
    full = cells * done // total if total else 0
    return Text("▰" * full, "green") + Text("▱" * (cells - full), "dim")


def _cut(line: str, width: int) -> Text:
    text = Text(line, "dim")
    text.truncate(width)
    return text


def _progress(items: Sequence[ItemState], board: Board, matter_id: str) -> tuple[int, int]:
    return sum(board.status(matter_id, state) in facts.ENDS for state in items), len(items)
