"""The window's side (综合窗口): accept, correct, refuse, void, extend, deliver, and the record of visits."""

from __future__ import annotations

import click

from onematter.client.cli.app import App, matter_id_argument
from onematter.client.cli.options import (
    RANKS,
    Official,
    Sender,
    as_official,
    ask,
    ask_matter,
    ask_task,
    asking,
    basis_option,
    needs_option,
)
from onematter.client.cli.usage import Usage
from onematter.client.handling import (
    Need,
    accept_command,
    correct_command,
    deliver_command,
    extend_command,
    refuse_command,
    request_correction_command,
    void_command,
)
from onematter.client.messages import visit_command

_WAYS = ("e-certificate", "post", "counter")
_CAUSES = (
    "hand-in", "original-check", "site-visit", "collection", "correction", "system-away", "applicant-wish", "other",
)  # fmt: skip
_division = click.option("--division", default="", metavar="CODE", help="The window's division (行政区划代码).")


@click.command()
@matter_id_argument
@_division
@asking
def accept(app: App, matter_id: str, sender: Sender, division: str) -> None:
    """Accept a matter, where that is left to the window (受理)."""
    command = accept_command(sender.actor("clerk", division=division), sender.request_id, matter_id)
    ask_matter(app, command, app.words("已受理", "accepted"))


@click.command()
@click.argument("matter_id", metavar="ID")
@click.argument("item", metavar="[ITEM]", required=False)
@needs_option
@as_official
def correct(app: App, matter_id: str, item: str | None, needs: list[Need], official: Official) -> None:
    """Tell the applicant all that must be corrected (一次性补正告知).

    Once. Of a matter before acceptance, as the window; of an ITEM, as its department: its clock stands still until the
    materials are here. What was visible the first time cannot be asked a second time, and what the government holds
    never.

    \b
      onematter correct ID --need floor_plan="no exits drawn" --need form="not signed"
      onematter correct ID 02 --need floor_plan="another scale|seen at the site visit"
    """
    done = app.words("已告知补正", "correction asked")
    if item is None:
        actor = official.sender.actor("clerk", division=official.division)
        ask_matter(app, correct_command(actor, official.request_id, matter_id, needs), done)
        return
    ask_task(
        app, official, matter_id, item, done,
        lambda actor, request_id: request_correction_command(actor, request_id, matter_id, item, needs),
    )  # fmt: skip


@click.command()
@matter_id_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why it is not accepted.")
@click.option("--competent", default="", metavar="BODY", help="The body that is competent (有权机关).")
@click.option("--not-required", is_flag=True, help="Nobody is: the matter needs no approval by law.")
@basis_option
@_division
@asking
def refuse(
    app: App,
    matter_id: str,
    sender: Sender,
    reason: str,
    competent: str,
    not_required: bool,
    basis: tuple[str, ...],
    division: str,
) -> None:
    """Refuse to accept a matter (不予受理). Name the body that is competent; this ends the matter."""
    if bool(competent) == not_required:
        raise Usage(
            "give either --competent BODY or --not-required", "请给出 --competent 有权机关 或 --not-required，二者取一"
        )
    command = refuse_command(
        sender.actor("clerk", division=division), sender.request_id, matter_id, reason,
        competent_body=competent, not_required=not_required, basis=basis,
    )  # fmt: skip
    ask_matter(app, command, app.words("已不予受理", "not accepted"))


@click.command()
@matter_id_argument
@click.option("--reason", required=True, metavar="TEXT", help="Handed in twice, by mistake, for nobody.")
@_division
@asking
def void(app: App, matter_id: str, sender: Sender, reason: str, division: str) -> None:
    """Void a matter before it is decided (作废). Its open items are called back."""
    command = void_command(sender.actor("clerk", division=division), sender.request_id, matter_id, reason)
    ask_matter(app, command, app.words("已作废", "voided"))


@click.command()
@matter_id_argument
@click.option("--days", required=True, type=click.IntRange(1, 365), help="Working days.")
@click.option("--reason", required=True, metavar="TEXT", help="What the applicant is told.")
@click.option("--rank", type=click.Choice(RANKS), required=True, help="Who approves (行政许可法 §42).")
@_division
@asking
def extend(app: App, matter_id: str, sender: Sender, days: int, reason: str, rank: str, division: str) -> None:
    """Extend the matter's own period (延长期限). As whoever the law lets approve that; one item's: `prolong`."""
    actor = sender.actor("official", rank=rank, division=division)
    command = extend_command(actor, sender.request_id, matter_id, days, reason)
    ask_matter(app, command, app.words("已延长", "extended"))


@click.command()
@matter_id_argument
@click.option("--way", type=click.Choice(_WAYS), required=True, help="How the result reached the applicant (送达方式).")
@click.option("--reference", default="", metavar="TEXT", help="The post's number, or the signature's.")
@_division
@asking
def deliver(app: App, matter_id: str, sender: Sender, way: str, reference: str, division: str) -> None:
    """Record that the result reached the applicant (送达). Collected at the counter it is a trip."""
    actor = sender.actor("clerk", division=division)
    command = deliver_command(actor, sender.request_id, matter_id, way, reference=reference, division=division)
    ask_matter(app, command, app.words("已送达", "delivered"))


@click.command()
@matter_id_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why the applicant had to come.")
@click.option("--cause", type=click.Choice(_CAUSES), default=None, help="Its kind; needed from the second trip on.")
@click.option("--division", default="", metavar="CODE", help="Where (行政区划代码).")
@asking
def visit(app: App, matter_id: str, sender: Sender, reason: str, cause: str | None, division: str) -> None:
    """Record that the applicant came in person (跑动一次), and why."""
    actor = sender.actor("clerk", division=division)
    command = visit_command(actor, sender.request_id, matter_id, reason, division, cause or 0)
    ask(app, lambda services: services.record_visit(command), command, app.words("已记录", "recorded"))
