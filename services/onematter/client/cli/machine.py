"""Everything on one machine: up, down, status, clock, demo; and completion for shells.

Rule 1: `onematter.local` and the services are optional extras; only these commands import them, when they run.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import click
from click.shell_completion import get_completion_class
from rich.console import Console

from onematter.client import stack
from onematter.client.cli.app import App, cli, common, grid, row
from onematter.client.cli.extras import extra_module, missing
from onematter.client.errors import Invalid, NotFound, OneMatterError, Unavailable

EXTRA = "services,local"


def local_module(name: str) -> ModuleType:
    """A module of onematter.local. Raises Invalid naming the extra when a package of it is missing."""
    return extra_module(f"local.{name}", EXTRA)


def _no_stack(home: Any) -> NotFound:
    return NotFound(
        f"no stack runs in {home}; start one with `onematter up`", f"{home} 没有在运行的服务；请先运行 onematter up"
    )


def _load(home: Any) -> Any:
    local, errors = local_module("stack"), local_module("errors")
    try:
        found = local.load(home)
    except errors.LocalError as error:
        raise Unavailable(str(error)) from None
    if found is None:
        raise _no_stack(home)
    return found


def _addresses(addresses: Any) -> dict[str, Any]:
    return {
        "kafka": addresses.kafka_bootstrap_servers,
        "database_url": addresses.database_url,
        "services": {
            name: {"grpc": address.grpc, "metrics": address.metrics} for name, address in addresses.services.items()
        },
    }


def _show_addresses(out: Console, document: dict[str, Any]) -> None:
    made = grid("", "gRPC", "metrics (HTTP)")
    for name, address in document["services"].items():
        row(made, name, address["grpc"] or "-", address["metrics"])
    out.print(made)
    out.print(f"Kafka       {document['kafka']}", markup=False, soft_wrap=True)
    out.print(f"PostgreSQL  {document['database_url']}", markup=False, soft_wrap=True)


@click.command()
@common
@click.pass_obj
def up(app: App) -> None:
    """Start Kafka, PostgreSQL and every service on this machine, leave them running, and print their addresses.

    KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL replace the embedded parts. Data stay in .onematter (or $ONEMATTER_HOME).
    """
    local, errors = local_module("stack"), local_module("errors")

    def progress(line: str) -> None:
        click.echo(line, err=True)

    try:
        started = local.start(stack.directory(), detached=True, progress=progress)
    except errors.OtherVersion as error:
        raise Unavailable(str(error), error.chinese) from None
    except errors.LocalError as error:
        raise Unavailable(str(error)) from None
    except ModuleNotFoundError as error:
        raise missing(error, EXTRA) from None
    document = _addresses(started.addresses)
    app.emit(document, lambda out: _show_addresses(out, document))


@click.command()
@common
@click.pass_obj
def down(app: App) -> None:
    """Stop what `onematter up` started; data stay."""
    home = stack.directory()
    _load(home).stop()
    app.emit({"stopped": str(home)}, lambda out: out.print("stopped"))


@click.command()
@common
@click.pass_obj
def status(app: App) -> None:
    """Show how each process of the stack is, and the addresses. Exit code 3 when one is not ready."""
    found = _load(stack.directory())
    processes = [
        {
            "name": one.name,
            "pid": one.pid,
            "state": one.state,
            "exit_code": one.exit_code,
            "log": str(one.log),
        }
        for one in found.status()
    ]
    document = {"processes": processes, **_addresses(found.addresses)}

    def show(out: Console) -> None:
        made = grid("process", "pid", "state", "log")
        for one in processes:
            row(made, one["name"], one["pid"], one["state"], one["log"])
        out.print(made)
        _show_addresses(out, document)

    app.emit(document, show)
    if any(one["state"] != "ready" for one in processes):
        raise click.exceptions.Exit(Unavailable.exit_code)


@click.command()
@click.argument("by", metavar="[+30d]", required=False)
@common
@click.pass_obj
def clock(app: App, by: str | None) -> None:
    """Move the time of the stack that runs here, as +30d.

    Or as +1d12h; without it show by how much time was moved. Deadlines pass, warnings come and silence accepts
    as if that time had gone by. Time goes on only: to begin anew,
    start a stack in another directory ($ONEMATTER_HOME). A production deployment knows no such clock.
    """
    home = stack.directory()
    time, malformed = local_module("clock"), extra_module("backbone.clock", EXTRA).OffsetMalformed
    if not app.local.grpc:
        raise _no_stack(home)
    if not time.is_movable():
        raise Invalid(
            "ONEMATTER_ENVIRONMENT says that this is no test; unset it and start the stack anew",
            "ONEMATTER_ENVIRONMENT 表明这不是测试环境；请取消该变量并重新启动",
        )
    try:
        offset = time.clock_offset(home) if by is None else time.move_clock(home, by)
    except malformed as error:
        raise Invalid(f"clock: {error}", "clock：时间的偏移写作 +30d、+1d12h、+90m 或 +45s，只能向前") from None
    today = app.today().isoformat()
    document = {"offset": offset, "today": today}
    app.emit(document, lambda out: out.print(f"{app.words('今天', 'today')} {today}  ({offset})"))


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def demo(context: click.Context) -> None:
    """Run four real matters through three levels, live (项目落地, 大件运输, 出生, 注销); exit 0 when verified."""
    run = local_module("demo").main
    previous, sys.argv = sys.argv, ["onematter demo", *context.args]
    try:
        code = run()
    except ModuleNotFoundError as error:
        raise missing(error, EXTRA) from None
    finally:
        sys.argv = previous
    raise click.exceptions.Exit(code or 0)


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of a shell, as in: eval "$(onematter completion bash)"."""
    made = get_completion_class(shell)
    if made is None:
        raise OneMatterError(f"no completion for {shell}", f"没有 {shell} 的补全脚本")
    click.echo(made(cli, {}, "onematter", "_ONEMATTER_COMPLETE").source())
