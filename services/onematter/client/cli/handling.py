"""What a department does with a task before it decides, and after: transfer, special procedures, opinions, visits."""

from __future__ import annotations

import click

from onematter.client.cli.app import App
from onematter.client.cli.options import Official, as_official, ask_task, basis_option, task_arguments
from onematter.client.cli.usage import Usage
from onematter.client.handling import (
    ask_opinions_command,
    china_day,
    lift_command,
    opinion_command,
    prolong_command,
    release_command,
    resume_command,
    site_visit_command,
    suspend_command,
    transfer_command,
    verify_pledge_command,
)

_PROCEDURES = (
    "hearing", "tender", "auction", "inspection", "testing", "quarantine", "appraisal", "expert-review",
)  # fmt: skip
_POSITIONS = ("consent", "conditional", "veto")


@click.command()
@task_arguments
@as_official
def release(app: App, matter_id: str, item: str, official: Official) -> None:
    """Take one's name off a claimed task again (撤销签收)."""
    ask_task(
        app, official, matter_id, item, app.words("已撤销签收", "released"),
        lambda actor, request_id: release_command(actor, request_id, matter_id, item),
    )  # fmt: skip


@click.command()
@task_arguments
@click.option("--to", "receiver", required=True, metavar="DEPARTMENT", help="The department that takes it over.")
@click.option("--to-division", default="", metavar="CODE", help="Its division.  [default: the same]")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@as_official
def transfer(
    app: App, matter_id: str, item: str, receiver: str, to_division: str, reason: str, official: Official
) -> None:
    """Give a task to another department (转办). Of the same level; its clock goes on."""
    ask_task(
        app, official, matter_id, item, app.words("已转办", "transferred"),
        lambda actor, request_id: transfer_command(
            actor, request_id, matter_id, item, receiver, reason, division=to_division
        ),
    )  # fmt: skip


@click.command()
@task_arguments
@click.option("--reason", required=True, metavar="TEXT", help="What the applicant is told.")
@as_official
def lift(app: App, matter_id: str, item: str, reason: str, official: Official) -> None:
    """Take back what a correction still asks (撤回补正要求). The clock goes on; it is decided on what is there.

    The law sets the applicant no time to correct, so this is how a task ends whose applicant never answers.
    """
    ask_task(
        app, official, matter_id, item, app.words("已撤回补正要求，恢复计时", "correction taken back"),
        lambda actor, request_id: lift_command(actor, request_id, matter_id, item, reason),
    )  # fmt: skip


@click.command()
@task_arguments
@click.option("--for", "kind", type=click.Choice(_PROCEDURES), required=True, help="Which procedure.")
@click.option("--days", required=True, type=click.IntRange(1, 1000), help="How long it takes, in working days.")
@click.option("--reason", required=True, metavar="TEXT", help="What the applicant is told.")
@as_official
def suspend(app: App, matter_id: str, item: str, kind: str, days: int, reason: str, official: Official) -> None:
    """Begin a special procedure (特别程序). The clock stands still, and the applicant is told how long."""
    ask_task(
        app, official, matter_id, item, app.words("已停止计时", "suspended"),
        lambda actor, request_id: suspend_command(actor, request_id, matter_id, item, kind, days, reason),
    )  # fmt: skip


@click.command()
@task_arguments
@click.option("--result", required=True, metavar="TEXT", help="What came of it.")
@as_official
def resume(app: App, matter_id: str, item: str, result: str, official: Official) -> None:
    """End a special procedure (特别程序结果). The clock goes on."""
    ask_task(
        app, official, matter_id, item, app.words("已恢复计时", "resumed"),
        lambda actor, request_id: resume_command(actor, request_id, matter_id, item, result),
    )  # fmt: skip


@click.command()
@task_arguments
@click.option("--days", required=True, type=click.IntRange(1, 365), help="Days of the period's own kind.")
@click.option("--reason", required=True, metavar="TEXT", help="What the applicant is told.")
@as_official
def prolong(app: App, matter_id: str, item: str, days: int, reason: str, official: Official) -> None:
    """Extend a task's legal period, once (延长期限). With the --rank that the law asks for (行政许可法 §42)."""
    ask_task(
        app, official, matter_id, item, app.words("已延长", "extended"),
        lambda actor, request_id: prolong_command(actor, request_id, matter_id, item, days, reason),
    )  # fmt: skip


@click.command("ask-opinion")
@task_arguments
@click.option("--of", "departments", required=True, multiple=True, metavar="DEPARTMENT",
              help="Whom. May be given several times.")  # fmt: skip
@click.option("--question", required=True, metavar="TEXT", help="What is asked.")
@as_official
def ask_opinion(
    app: App, matter_id: str, item: str, departments: tuple[str, ...], question: str, official: Official
) -> None:
    """Ask other departments (征求意见). Each answers within 7 working days."""
    ask_task(
        app, official, matter_id, item, app.words("已征求意见", "asked"),
        lambda actor, request_id: ask_opinions_command(actor, request_id, matter_id, item, departments, question),
    )  # fmt: skip


@click.command()
@task_arguments
@click.option("--position", type=click.Choice(_POSITIONS), required=True, help="同意, 附条件同意, 不同意")
@click.option("--text", required=True, metavar="TEXT", help="The reasons.")
@click.option("--condition", "conditions", metavar="TEXT", multiple=True,
              help="Of a conditional consent: what a grant must require. May be given several times.")  # fmt: skip
@as_official
def opinion(
    app: App, matter_id: str, item: str, position: str, text: str, conditions: tuple[str, ...], official: Official
) -> None:
    """Answer as a department that was asked (回复意见). --department says which."""
    if not official.department:
        raise Usage(
            "give --department: the one that was asked, not the task's own", "请用 --department 给出被征求意见的部门"
        )
    ask_task(
        app, official, matter_id, item, app.words("已回复", "answered"),
        lambda actor, request_id: opinion_command(
            actor, request_id, matter_id, item, position, text, conditions=conditions
        ),
    )  # fmt: skip


@click.command("site-visit")
@task_arguments
@click.option("--passed/--failed", default=None, help="What came of it; one of them is required.")
@click.option("--finding", required=True, metavar="TEXT", help="What was found (勘验情况).")
@click.option("--on", "day", metavar="DATE", default="", help="When.  [default: today in China]")
@click.option("--attended", is_flag=True, help="The applicant had to be there: a trip.")
@click.option("--with", "departments", metavar="DEPARTMENT", multiple=True,
              help="Who took part (一同勘验). May be given several times.")  # fmt: skip
@as_official
def site_visit(
    app: App,
    matter_id: str,
    item: str,
    passed: bool | None,
    finding: str,
    day: str,
    attended: bool,
    departments: tuple[str, ...],
    official: Official,
) -> None:
    """Record a site visit (现场勘验). One does for all items of its group."""
    if passed is None:
        raise Usage("give --passed or --failed", "请给出 --passed 或 --failed")
    visited = china_day(day, "--on") or app.today()
    ask_task(
        app, official, matter_id, item, app.words("已记录勘验", "visit recorded"),
        lambda actor, request_id: site_visit_command(
            actor, request_id, matter_id, item, day=visited, passed=passed, finding=finding,
            applicant_attended=attended, departments=departments,
        ),
    )  # fmt: skip


@click.command("verify-pledge")
@task_arguments
@click.option("--kept/--broken", default=None, help="Whether the pledge was kept; one of them is required.")
@click.option("--finding", required=True, metavar="TEXT", help="What was found (核查情况).")
@basis_option
@as_official
def verify_pledge(
    app: App, matter_id: str, item: str, kept: bool | None, finding: str, basis: tuple[str, ...], official: Official
) -> None:
    """Verify afterwards what was pledged (告知承诺核查). A broken pledge revokes the grant and goes on record."""
    if kept is None:
        raise Usage("give --kept or --broken", "请给出 --kept 或 --broken")
    done = app.words("已核查", "verified") if kept else app.words("已撤销", "revoked")
    ask_task(
        app, official, matter_id, item, done,
        lambda actor, request_id: verify_pledge_command(
            actor, request_id, matter_id, item, kept, finding, basis=basis
        ),
    )  # fmt: skip
