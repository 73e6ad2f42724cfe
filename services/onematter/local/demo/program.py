"""The demo from its start to its exit code.

Rule 1: stopping is never interrupted: a second Ctrl-C waits for it.
Rule 2: Ctrl-C exits with 130, SIGTERM with 143; a failure exits with 1 and says why.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from onematter.client.channel import Services
from onematter.client.cli.app import locale_language
from onematter.client.errors import OneMatterError
from onematter.local import layout
from onematter.local.demo import report
from onematter.local.demo.board import Board
from onematter.local.demo.matters import MATTERS
from onematter.local.demo.run import Run, reason_of
from onematter.local.demo.screen import Screen
from onematter.local.demo.words import CHINESE, Words
from onematter.local.errors import LocalError, OtherVersion
from onematter.local.processes import termination_as_exit
from onematter.local.stack import Stack, default_directory, start

FRAME_SECONDS = 0.1
PLAIN_WIDTH = 160
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit code. Data stay in `demo/` under `$ONEMATTER_HOME` or `.onematter`."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    words = Words(locale_language())
    console = _console()
    directory = default_directory() / "demo"
    try:
        with termination_as_exit(), _stack(directory, console) as stack:
            code = _play(console, words, stack, directory, options.pace)
            if options.stay and not code:
                _stay(console, words, stack, directory)
            return code
    except LocalError as error:
        return _failed(console, words, str(error))
    except KeyboardInterrupt:
        console.print(words.both("已中断，全部进程已停止", "interrupted; everything is stopped"))
        return INTERRUPTED


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("onematter demo", description="Four real matters through three levels, live.")
    parser.add_argument(
        "--pace",
        type=_pace,
        default=os.environ.get("ONEMATTER_DEMO_PACE", "1"),
        metavar="FACTOR",
        help="multiplies every pause of the officials; 0 makes none (ONEMATTER_DEMO_PACE; 1)",
    )
    parser.add_argument("--stay", action="store_true", help="keep the stack up after the result, until Ctrl-C")
    return parser.parse_args(arguments)


def _pace(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError("a pace is 0 or more")
    return value


def _console() -> Console:
    # Where stdout cannot say a character, a question mark is better than no demo.
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


@contextlib.contextmanager
def _stack(directory: Path, console: Console) -> Iterator[Stack]:
    directory.mkdir(parents=True, exist_ok=True)

    def progress(line: str) -> None:
        console.print(Text(line), soft_wrap=True)

    stack = _started(directory, progress)
    try:
        yield stack
    finally:
        with _uninterrupted():
            stack.stop()


def _started(directory: Path, progress: Callable[[str], None]) -> Stack:
    """Start the stack; what another version's demo has left is of no use to anybody, and is removed."""
    try:
        return start(directory, detached=False, progress=progress)
    except OtherVersion:
        progress(f"what another version of the demo has kept in {directory} is removed")
        layout.clear(directory)
        return start(directory, detached=False, progress=progress)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    in_main = threading.current_thread() is threading.main_thread()
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in numbers} if in_main else {}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _play(console: Console, words: Words, stack: Stack, directory: Path, pace: float) -> int:
    live = console.is_terminal and not console.is_dumb_terminal
    board = Board()
    addresses = {name: one.grpc for name, one in stack.addresses.services.items() if one.grpc is not None}
    with Services(addresses, language=words.language) as services:
        run = Run(
            stack,
            services,
            board,
            MATTERS,
            directory / "materials",
            pace,
            CHINESE if words.language == CHINESE else "en",
        )
        screen = Screen(console, board, words, run.matters, live)
        board.tell = screen.tell
        try:
            asyncio.run(_shown(run, screen))
        except (TimeoutError, OneMatterError, LocalError) as error:
            return _failed(console, words, reason_of(error, run))
        report.show(console, run, words, directory)
    report.addresses(console, stack, words, directory)
    if problems := run.problems():
        return _failed(console, words, "; ".join(problems))
    seconds = f"{time.monotonic() - screen.began:.1f} s"
    done = words.both("四件事均已办结并核验", "all four matters are completed and verified")
    console.print()
    console.print(Text(f"{done}, {seconds}", "bold green"))
    return 0


async def _shown(run: Run, screen: Screen) -> None:
    if not screen.live:
        await run.play()
        return
    with Live(screen.render(), console=screen.console, auto_refresh=False, vertical_overflow="crop") as live:

        async def draw() -> None:
            while True:
                live.update(screen.render(), refresh=True)
                await asyncio.sleep(FRAME_SECONDS)

        drawing = asyncio.create_task(draw())
        try:
            await run.play()
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
            live.update(screen.render(), refresh=True)


def _stay(console: Console, words: Words, stack: Stack, directory: Path) -> None:
    home = f"ONEMATTER_HOME={directory} onematter progress ID"
    console.print(Text(words.both("Ctrl-C 停止", "up until Ctrl-C") + f"; {home}"), soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            stack.check()
            time.sleep(1)


def _failed(console: Console, words: Words, reason: str) -> int:
    console.print(Text(f"{words.both('演示未成功', 'the demo failed')}: ", "bold red") + Text(reason), soft_wrap=True)
    return 1
