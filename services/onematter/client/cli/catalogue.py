"""The catalogue of matters: what the services hold, and files on this machine judged, compared and told as a guide.

Rule 1: `catalogue` asks intake; `catalogue lint`, `compare` and `rules`, and `guide`, read files and need no service.
Those come with the package's extra `services`, and are imported when they run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from onematter.client.cli import labels
from onematter.client.cli.app import App, as_document, common, grid, print_json, row
from onematter.client.cli.extras import extra_module, legal_today
from onematter.client.errors import Invalid, NotFound
from onematter.intake.v1.intake_service_pb2 import MatterType

_directory = click.option(
    "--dir", "directory", metavar="DIR", type=click.Path(path_type=Path), envvar="ONEMATTER_CATALOGUE_DIR",
    show_envvar=True, help="Catalogue files.  [default: those that ship]",
)  # fmt: skip


class _Catalogue(click.Group):
    """Takes what is no command as a matter's code."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            return "show", _show, args
        return super().resolve_command(ctx, args)


@click.group(cls=_Catalogue, invoke_without_command=True, subcommand_metavar="[CODE] | lint | compare | rules")
@common
@click.pass_context
def catalogue(context: click.Context) -> None:
    """List what can be handed in, or show the one with CODE (事项目录). Its facts, materials, items.

    \b
      onematter catalogue                      what intake holds
      onematter catalogue OM-17                one of them
      onematter catalogue lint [DIR]           judge catalogue files
      onematter catalogue compare OM-17 1 2    what a version changes
      onematter catalogue rules [CODE]         what is decided by rule (秒批), each rule tried on its examples
    """
    if context.invoked_subcommand is not None:
        return
    app: App = context.obj
    with app.services() as services:
        found = services.matter_types()

    def show(out: Console) -> None:
        made = grid(
            app.words("代码", "code"),
            app.words("版本", "version"),
            app.words("名称", "name"),
            app.words("牵头部门", "lead"),
            app.words("事项数", "items"),
        )
        for one in found:
            row(made, one.matter_code, one.version, app.name(one.name), one.lead_department, len(one.items))
        out.print(made)

    app.emit({"matter_types": [as_document(one) for one in found]}, show)


@click.command("show")
@click.argument("code", metavar="CODE")
@common
@click.pass_obj
def _show(app: App, code: str) -> None:
    """Show one matter of the catalogue: facts, materials, items."""
    with app.services() as services:
        matter_type = services.matter_type(code)
    app.emit(as_document(matter_type), lambda out: _table(out, matter_type, app))


def _table(out: Console, matter_type: MatterType, app: App) -> None:
    out.print(Text(f"{matter_type.matter_code} v{matter_type.version}  {app.name(matter_type.name)}"))
    needed = app.words("必填", "required")
    facts = grid(app.words("情形", "fact"), app.words("类型", "kind"), "", app.words("名称", "name"), "")
    for fact in matter_type.facts:
        choices = ", ".join(fact.choices)
        row(facts, fact.key, fact.kind, needed if fact.required else "", app.name(fact.name), choices)
    out.print(facts)
    materials = grid(app.words("材料", "material"), "", app.words("名称", "name"), app.words("类型", "media types"))
    told: set[str] = set()
    for item in matter_type.items:
        for one in item.materials:
            if one.material_id in told:
                continue
            told.add(one.material_id)
            shared = app.words("共享，无需提交", "held already, not asked")
            asked = shared if one.share_source else needed if one.required else ""
            row(materials, one.material_id, asked, app.name(one.name), ", ".join(one.media_types))
    out.print(materials)
    items = grid(
        app.words("事项", "item"),
        app.words("名称", "name"),
        app.words("层级", "level"),
        app.words("部门", "department"),
        app.words("前置", "after"),
        app.words("法定/承诺（日）", "legal/promised days"),
        app.words("秒批", "by rule"),
    )
    for item in matter_type.items:
        row(
            items,
            item.item_id,
            app.name(item.name),
            labels.level(item.level, app),
            item.department,
            ", ".join(item.depends_on),
            f"{item.legal_days or '-'}/{item.promised_days or '-'}",
            app.words("是", "yes") if item.automatic_rule else "",
        )
    out.print(items)


@catalogue.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path),
                envvar="ONEMATTER_CATALOGUE_DIR")  # fmt: skip
@common
@click.pass_obj
def lint(app: App, directory: Path | None) -> None:
    """Judge catalogue files: cycles, items that no situation reaches, certificates that nobody produces, times over
    the legal limit, missing names and evidence, versions that overlap. Exit code 1 when there are errors.

    DIR is a directory of *.yaml files; without it, those that ship.
    """
    files, linting = extra_module("backbone.catalogue_files"), extra_module("law.linting")
    with _told(files):
        read, problems = files.read_catalogue(directory)
    findings = [
        {
            "severity": "error",
            "place": f"{Path(one.file).name}: {one.problem.path}",
            "code": "document",
            "rule": one.problem.rule,
            "way_out": one.problem.way_out,
        }
        for one in problems
    ]
    findings += [
        {"severity": one.severity, "place": one.place, "code": one.code, "rule": one.rule, "way_out": one.way_out}
        for one in linting.lint(read)
    ]
    errors = sum(one["severity"] == "error" for one in findings)
    matters = len(read.matter_types)
    document = {"matters": matters, "errors": errors, "warnings": len(findings) - errors, "findings": findings}

    def show(out: Console) -> None:
        for one in findings:
            colour = "red" if one["severity"] == "error" else "yellow"
            said = app.words(*_SEVERITIES[one["severity"]])
            out.print(f"[{colour}]{said}[/] [bold]{escape(one['place'])}[/]: {escape(one['rule'])}", soft_wrap=True)
            out.print(f"  → {escape(one['way_out'])}  ({one['code']})", soft_wrap=True)
        warnings = document["warnings"]
        out.print(
            app.words(
                f"{matters} 个事项版本，{errors} 个错误，{warnings} 个警告",
                f"{matters} versions of matters, {errors} errors, {warnings} warnings",
            )
        )

    app.emit(document, show)
    if errors:
        raise click.exceptions.Exit(1)


_SEVERITIES = {"error": ("错误", "error"), "warning": ("警告", "warning")}


@catalogue.command()
@click.argument("code", metavar="CODE")
@click.argument("old", metavar="OLD", type=click.IntRange(1))
@click.argument("new", metavar="NEW", type=click.IntRange(1))
@_directory
@common
@click.pass_obj
def compare(app: App, code: str, old: int, new: int, directory: Path | None) -> None:
    """Tell what version NEW of a matter changes of version OLD, field by field."""
    files, comparing = extra_module("backbone.catalogue_files"), extra_module("law.comparing")
    with _told(files):
        read = files.load_catalogue(directory)
        changes = comparing.compare(read.get(code, old), read.get(code, new), read)
    document = {
        "code": code,
        "old": old,
        "new": new,
        "changes": [
            {
                "kind": one.kind,
                "place": one.place,
                "field": one.field,
                "before": dict(one.before),
                "after": dict(one.after),
                "text": {language: comparing.tell(one, language) for language in ("zh-CN", "en")},
            }
            for one in changes
        ],
    }

    def show(out: Console) -> None:
        for one in changes:
            out.print(comparing.tell(one, app.language), markup=False, soft_wrap=True)
        if not changes:
            out.print(app.words("没有变化", "nothing has changed"))

    app.emit(document, show)


@catalogue.command()
@click.argument("code", metavar="[CODE]", required=False)
@_directory
@common
@click.pass_obj
def rules(app: App, code: str | None, directory: Path | None) -> None:
    """Tell what is decided by rule (秒批秒办), each rule tried on the examples that stand beside it.

    Of every matter in its newest version, or of the one with CODE. A rule can only grant; where it says no or cannot
    tell, a person decides. Files in which a rule contradicts an example are refused, with exit code 2.
    """
    files, examples = extra_module("backbone.catalogue_files"), extra_module("law.rule_examples")
    with _told(files):
        found = examples.rules_of_catalogue(files.load_catalogue(directory), code)
    told = [_rule_document(one) for one in found]

    def show(out: Console) -> None:
        for one in told:
            title = f"{one['matter_code']} {one['item_id']}"
            out.print(f"[bold]{title}[/] {escape(_pick(one['names'], app))}", soft_wrap=True)
            out.print(f"  {one['rule']}", markup=False, soft_wrap=True)
            out.print(f"  {_pick(one['explanation'], app)}", markup=False, soft_wrap=True)
            for outcome in one["examples"]:
                given = [f"{key}={value}" for key, value in outcome["facts"].items()]
                facts = ", ".join(given) or app.words("未提供任何情形", "nothing given")
                said = app.words(*_VERDICTS[outcome["verdict"]])
                out.print(f"  [green]✓[/] {escape(facts)}: {said}", soft_wrap=True)
                for line in outcome["explanation"]:
                    out.print(f"      {_pick(line, app)}", markup=False, soft_wrap=True)
        out.print(app.words(f"{len(told)} 条规则，例子全部相符", f"{len(told)} rules, every example agrees"))

    app.emit({"rules": told}, show)


_VERDICTS = {
    "holds": ("准予", "granted"),
    "does_not_hold": ("由人审批", "a person decides"),
    "cannot_tell": ("缺少情形，由人审批", "it cannot tell; a person decides"),
}


def _pick(names: Mapping[str, str], app: App) -> str:
    return names.get(app.language) or names.get("zh-CN", "")


def _rule_document(one: Any) -> dict[str, Any]:
    return {
        "matter_code": one.matter_code,
        "catalogue_version": one.catalogue_version,
        "item_id": one.item_id,
        "names": dict(one.item_names),
        "rule": one.rule.text,
        "rule_version": one.rule_version,
        "explanation": dict(one.rule.explanation),
        "examples": [
            {
                "facts": dict(outcome.example.facts),
                "grants": outcome.example.grants,
                "verdict": outcome.verdict.verdict,
                "missing": list(outcome.verdict.missing),
                "explanation": [dict(line) for line in outcome.verdict.explanation],
            }
            for outcome in one.outcomes
        ],
    }


@click.command()
@click.argument("code", metavar="CODE")
@click.option("--fact", "facts", metavar="KEY=VALUE", multiple=True,
              help="An answer; the guide is then that of the situation. May be given several times.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(("text", "html", "json")), default="text", show_default=True,
              help="html is one page that stands for itself.")  # fmt: skip
@click.option("--on", "day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]),
              help="The version in force on that day.  [default: today in China]")  # fmt: skip
@click.option("--version", "version", metavar="NUMBER", type=click.IntRange(1), help="This version, in force or not.")
@_directory
@common
@click.pass_obj
def guide(
    app: App,
    code: str,
    facts: tuple[str, ...],
    form: str,
    day: datetime | None,
    version: int | None,
    directory: Path | None,
) -> None:
    """Print the guide to a matter (办事指南). Steps, what to bring, what is not asked and from where it comes, time,
    legal basis; made from the record that is run.

    \b
      onematter guide OM-03 --lang zh-CN
      onematter guide OM-03 --fact mother_resident=false --format html > guide.html
    """
    files, making = extra_module("backbone.catalogue_files"), extra_module("law.guide")
    with _told(files):
        read = files.load_catalogue(directory)
        on = day.date() if day is not None else legal_today()
        matter_type = read.in_force(code, on) if version is None else read.get(code, version)
        made = making.guide(read, matter_type, extra_module("law.answers").read_answers(matter_type, _answers(facts)))
    if app.as_json or form == "json":
        print_json(extra_module("law.guide_json").as_document(made))
    elif form == "html":
        click.echo(extra_module("law.guide_html").as_html(made, app.language), nl=False)
    else:
        click.echo(extra_module("law.guide_text").as_text(made, app.language), nl=False)


def _answers(facts: tuple[str, ...]) -> Mapping[str, str]:
    answers: dict[str, str] = {}
    for fact in facts:
        key, found, value = fact.partition("=")
        if not found or not key:
            raise Invalid(
                "--fact: an answer without its question; write KEY=VALUE, as has_employees=true",
                "--fact：只有答案没有情形；请写作 代码=答案，如 has_employees=true",
            )
        if key in answers:
            raise Invalid(f"--fact {key}: is answered twice; answer it once", f"--fact {key}：答了两次；只答一次")
        answers[key] = value
    return answers


@contextmanager
def _told(files: Any) -> Iterator[None]:
    """Say what the law's own errors say, as errors of this command."""
    catalogues, problems = extra_module("law.catalogue"), extra_module("law.problems")
    try:
        yield
    except catalogues.UnknownMatter as error:
        raise NotFound(
            str(error), "事项目录中没有这一件事，或没有这一版本；可用 onematter catalogue 查看可以办理的一件事"
        ) from None
    except problems.DocumentRefused as error:
        raise Invalid("; ".join(f"--fact {problem}" for problem in error.problems)) from None
    except files.LawFilesRefused as error:
        raise Invalid(str(error)) from None
