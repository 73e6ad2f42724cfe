"""What all commands share: addresses, language, output and the way errors end.

Rule 1: an address comes from its option, else its environment variable, else the stack that `onematter up`
started here.
Rule 2: --json and --lang may stand before or after a command.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from onematter.client import stack
from onematter.client.channel import Services
from onematter.client.cli.extras import extra_module
from onematter.client.cli.usage import Usage
from onematter.client.errors import OneMatterError, Refused
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.contracts.reasons import language_of, text
from onematter.contracts.topics import table
from onematter.law.calendar import legal_date

F = TypeVar("F", bound=Callable[..., Any])

HELP = """Run at most once (最多跑一次): hand in one matter (一件事), follow it, decide its items, check its receipt.

\b
  onematter catalogue                  what can be handed in (事项目录)
  onematter guide CODE                 what to do and to bring (办事指南)
  onematter submit submission.json     hand in one matter (提交)
  onematter progress ID --watch        follow it (办理进度)
  onematter supply ID floor_plan.pdf   supply what is asked (补正、补交)
  onematter inbox --level county       what waits for an official (待办)
  onematter decide ID ITEM --grant …   decide it (作出决定)
  onematter verify ID                  check its case file against its receipt (回执)

ID is the matter's id, 32 hexadecimal digits, as `submit` prints it. Addresses come from options, from environment
variables of the same names (ONEMATTER_INTAKE, ONEMATTER_APPROVAL_CITY, …), or from the stack that `onematter up`
left running in this directory (or in $ONEMATTER_HOME). Times that are printed are China's.

\b
Exit codes:
  0  done
  1  refused, or verification failed
  2  usage: an option, an argument or the input is wrong
  3  a service is unavailable; try again with the same request id
  4  not found
  5  no answer before the deadline
"""


def locale_language(environment: Mapping[str, str] = os.environ) -> str:
    """The language that LC_ALL, LC_MESSAGES or LANG asks for."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return language_of(environment[name])
    return "en"


@dataclass
class App:
    """One run of the command."""

    given: Mapping[str, str] = field(default_factory=dict[str, str])
    deadline_seconds: float = 30.0
    language: str = "en"
    as_json: bool = False

    @cached_property
    def local(self) -> stack.LocalStack:
        """The stack that runs here, if any."""
        return stack.read(stack.directory())

    def addresses(self) -> dict[str, str]:
        """gRPC addresses by deployment."""
        given = {name: address for name, address in self.given.items() if name != "supervision"}
        missing = [name for name in table().deployments if name not in given]
        # A stack's file is looked at only where something is not given.
        return {**self.local.grpc, **given} if missing else given

    def today(self) -> date:
        """The legal date (China time); by the clock of the stack that runs here, where its time was moved."""
        moved = stack.directory() / "clock"
        offset_ms = extra_module("backbone.clock").read_offset(moved) if self.local.grpc and moved.exists() else 0
        return legal_date(int(time.time() * 1000) + offset_ms)

    def services(self) -> Services:
        """A client of all services; close it."""
        return Services(self.addresses(), deadline_seconds=self.deadline_seconds, language=self.language)

    def name(self, texts: LocalizedText) -> str:
        """A name in the language asked for, else in any."""
        known = texts.texts
        return known.get(self.language) or known.get("zh-CN") or next(iter(known.values()), "")

    def words(self, chinese: str, english: str) -> str:
        """The one of two texts that the language asks for."""
        return chinese if self.language == "zh-CN" else english

    def emit(self, document: Any, show: Callable[[Console], None]) -> None:
        """Print the document as JSON, or what `show` prints for a person."""
        if self.as_json:
            print_json(document)
        else:
            show(console())

    def fail(self, error: OneMatterError) -> int:
        """Print an error; return its exit code."""
        if self.as_json:
            print_json({"error": error.document(self.language)})
        elif isinstance(error, Refused):
            show_refusal(error, self)
        else:
            said = escape(error.said(self.language))
            console(stderr=True).print(f"[red]{self.words('错误', 'error')}[/]: {said}", soft_wrap=True)
        return error.exit_code


def show_refusal(error: Refused, app: App) -> None:
    """Print every violation with its rule and way out."""
    out = console(stderr=True)
    out.print(f"[red]{app.words('被拒绝', 'refused')}[/]", highlight=False)
    for violation in error.violations:
        said = text(violation, app.language)
        message = violation.parameters.get("message", "")
        rule = message or said.rule
        out.print(f"  [bold]{escape(violation.field or '-')}[/]: {escape(rule)}", soft_wrap=True, highlight=False)
        if not message:
            out.print(f"    → {escape(said.way_out)}", soft_wrap=True, highlight=False)


def console(*, stderr: bool = False) -> Console:
    """A terminal, or plain lines where it is none."""
    return Console(stderr=stderr, highlight=False)


def grid(*titles: str) -> Table:
    """An empty table."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        made.add_column(title, overflow="fold")
    return made


def row(made: Table, *cells: object) -> None:
    """Add a row of plain text."""
    made.add_row(*[escape(str(cell)) for cell in cells])


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def as_document(message: Message) -> dict[str, Any]:
    """A message in protobuf's JSON mapping, with the names of the .proto files."""
    return MessageToDict(message, preserving_proto_field_name=True)


class _Cli(click.Group):
    """Ends every error with its exit code, and with --json as a document. Its help lists commands by section."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sections: dict[str, list[str]] = {}

    def add_to(self, section: str, command: click.Command) -> None:
        """Add a command under the heading `section`."""
        self.add_command(command)
        assert command.name is not None, "a command without a name"
        self.sections.setdefault(section, []).append(command.name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each section under its heading."""
        width = max(len(name) for name in self.commands)
        limit = formatter.width - 6 - width
        for section, names in self.sections.items():
            told = [(name.ljust(width), self.commands[name].get_short_help_str(limit)) for name in names]
            with formatter.section(section):
                formatter.write_dl(told)

    def main(self, args: Sequence[str] | None = None, *more: Any, **settings: Any) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        if not settings.pop("standalone_mode", True):
            return super().main(given, *more, standalone_mode=False, **settings)
        app = App(language=locale_language(), as_json="--json" in given)
        settings.setdefault("obj", app)
        try:
            sys.exit(super().main(given, *more, standalone_mode=False, **settings) or 0)
        except click.UsageError as error:
            if isinstance(error, Usage):
                error.message = error.said(app.language)
            if not app.as_json:
                error.show()
            else:
                message = f"{error.format_message()}; see {_path(error)} --help"
                print_json({"error": {"code": "usage", "message": message}})
            sys.exit(2)
        except click.ClickException as error:
            if not app.as_json:
                error.show()
            else:
                print_json({"error": {"code": "usage", "message": error.format_message()}})
            sys.exit(2)
        except OneMatterError as error:
            sys.exit(app.fail(error))
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            sys.exit(130)


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "onematter"


def common(command: F) -> F:
    """Give a command --json and --lang, and the App as its first argument."""

    def note_json(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            context.find_root().obj.as_json = True

    def note_language(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value:
            context.find_root().obj.language = language_of(value)

    command = click.option(
        "--lang", metavar="zh-CN|en", type=click.Choice(("zh-CN", "en")), expose_value=False,
        callback=note_language, help="Language of what is printed.  [default: from LANG]",
    )(command)  # fmt: skip
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=note_json, help="Print one JSON document."
    )(command)


def _addresses(command: F) -> F:
    for name, deployment in reversed(list(table().deployments.items())):
        kind = "HTTP" if deployment.service == "supervision" else "gRPC"
        command = click.option(
            f"--{name}", f"address_{deployment.schema}", metavar="HOST:PORT",
            envvar="ONEMATTER_" + name.upper().replace("-", "_"), show_envvar=True,
            help=f"{kind} address of {name}.",
        )(command)  # fmt: skip
    return command


def _group(**settings: Any) -> Callable[[Callable[..., Any]], _Cli]:
    """Make a function the command itself; click's own decorator hides what kind of group it is."""
    return click.group(cls=_Cli, **settings)


@_group(help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@_addresses
@click.option(
    "--deadline", "deadline_seconds", type=click.FloatRange(0.001, 3600), default=30.0, show_default=True,
    metavar="SECONDS", envvar="ONEMATTER_DEADLINE", help="How long to wait for an answer.",
)  # fmt: skip
@common
@click.version_option(package_name="onematter")
@click.pass_context
def cli(context: click.Context, deadline_seconds: float, **addresses: str | None) -> None:
    """Take the options in; the help text is HELP."""
    app = context.ensure_object(App)
    app.deadline_seconds = deadline_seconds
    by_schema = {d.schema: d.name for d in table().deployments.values()}
    app.given = {by_schema[name.removeprefix("address_")]: address for name, address in addresses.items() if address}


def matter_id_argument(command: F) -> F:
    """The argument ID."""
    return click.argument("matter_id", metavar="ID")(command)
