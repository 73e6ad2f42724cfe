"""When a period ends, and why: the law's own arithmetic on this machine, no service asked.

Rule 1: the calendar's files are read by the services' extra; only this command's run loads it, by name.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import get_args

import click
from rich.console import Console

from onematter.client.cli.app import App, common
from onematter.client.cli.extras import extra_module, legal_today
from onematter.client.cli.usage import Usage
from onematter.client.errors import Invalid
from onematter.law import explaining, periods
from onematter.law.calendar import CalendarMissing, WorkingCalendar
from onematter.law.clock import PERIOD_RULES, ClockKind, PeriodRule, article, civil_code


@click.command()
@click.option(
    "--from", "start", metavar="DATE", help="The day it begins; it is not counted.  [default: today in China]"
)
@click.option("--days", type=click.IntRange(0, 1000), help="How many days.")
@click.option("--rule", "name", type=click.Choice(tuple(PERIOD_RULES)), help="A period of the law, in place of --days.")
@click.option(
    "--kind",
    type=click.Choice(("working", "calendar")),
    default="working",
    show_default=True,
    help="Working days (工作日) or calendar days (自然日), of --days.",
)
@click.option(
    "--suspend",
    "suspensions",
    multiple=True,
    metavar="A..B[:REASON]",
    help="The clock stands still from A (停止计时), and B counts again. May be given several times.",
)
@click.option(
    "--calendar",
    "directory",
    metavar="DIR",
    envvar="ONEMATTER_CALENDAR_DIR",
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="Other years than those that come along.",
)
@common
@click.pass_obj
def deadline(
    app: App, start: str | None, days: int | None, name: str | None, kind: ClockKind,
    suspensions: tuple[str, ...], directory: Path | None,
) -> None:  # fmt: skip
    """Tell when a period ends, and why (期限届满). Of every day on the way whether it counts and why.

    \b
      onematter deadline --from 2026-02-10 --days 20
      onematter deadline --from 2026-02-10 --rule decision --suspend 2026-03-06..2026-03-16:testing
    """
    if (days is None) == (name is None):
        raise Usage("give either --days or --rule", "请给出 --days 或 --rule，二者取一")
    rule = PERIOD_RULES[name] if name else _plain(days or 0, kind)
    period = periods.begin(rule, _day("--from", start) if start else legal_today())
    for one in suspensions:
        for fact in _suspension(one):
            _check(period, fact)
            period = periods.evolve(period, fact)
    try:
        explanation = explaining.explain(period, _calendar(directory))
    except CalendarMissing as missing:
        raise Invalid(str(missing)) from None

    def show(out: Console) -> None:
        out.print(explaining.text(explanation, app.language), markup=False, highlight=False, soft_wrap=True)

    app.emit(explaining.document(explanation), show)


def _plain(days: int, kind: ClockKind) -> PeriodRule:
    """A period of which only the length is known."""
    basis = article(82) if kind == "working" else civil_code(200)
    names = {"zh-CN": "一般期间", "en": "a period"}
    return PeriodRule("period", names, days, kind, "office", True, None, basis, "general")


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Usage(
            f"{option}: {text} is no day; write it as 2026-01-01", f"{option}：{text} 不是日期；请写作 2026-01-01"
        ) from None


def _suspension(text: str) -> list[periods.Suspended | periods.Resumed]:
    span, _, reason = text.partition(":")
    first, dots, resumed = span.partition("..")
    known = {one: one for one in get_args(periods.SuspensionReason)}.get(reason or "correction")
    if not dots or known is None:
        allowed = ", ".join(get_args(periods.SuspensionReason))
        raise Usage(
            f"--suspend: {text}: write A..B or A.. and perhaps :REASON, which is one of {allowed}",
            f"--suspend：{text}：请写作 A..B 或 A..，后可加 :原因，可用的有：{allowed}",
        )
    stopped = periods.Suspended(_day("--suspend", first), known)
    return [stopped, periods.Resumed(_day("--suspend", resumed))] if resumed else [stopped]


def _check(period: periods.Period, fact: periods.Suspended | periods.Resumed) -> None:
    check = periods.check_suspension if isinstance(fact, periods.Suspended) else periods.check_resumption
    reasons = [objection.reason for objection in check(period, fact.day)]
    if "PERIOD_NOT_SUSPENDABLE" in reasons:
        raise Usage(
            f"--suspend: nothing stops the period {period.rule.name}; leave it out",
            f"--suspend：期限 {period.rule.name} 不停止计时；请去掉",
        )
    if reasons:
        raise Usage(
            f"--suspend at {fact.day}: give spans behind the beginning, in order and apart",
            f"--suspend（{fact.day}）：各段须在起始日之后，依次排列，互不重叠",
        )


def _calendar(directory: Path | None) -> WorkingCalendar:
    files = extra_module("backbone.catalogue_files")
    try:
        return files.load_calendar(directory)
    except files.LawFilesRefused as refused:
        raise Invalid(str(refused)) from None
