"""The case file (电子卷宗) and its check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from google.protobuf.json_format import ParseDict, ParseError
from rich.console import Console
from rich.markup import escape

from onematter.archive.v1.archive_service_pb2 import CaseFile, Receipt
from onematter.client import verification
from onematter.client.cli import labels
from onematter.client.cli.app import App, as_document, common, grid, matter_id_argument, row
from onematter.client.cli.usage import Usage
from onematter.client.errors import Invalid, NotFound, Unverified
from onematter.client.messages import checked_id
from onematter.client.verification import Verification


@click.command()
@matter_id_argument
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write case file and receipt as JSON.")
@common
@click.pass_obj
def case(app: App, matter_id: str, output: str | None) -> None:
    """Show a matter's case file (电子卷宗).

    Every record as received, and whose the working time was (责任时间): an office's, the applicant's, a special
    procedure's. What --output writes, `onematter verify --file` checks. It contains what was handed in, personal data
    included.
    """
    with app.services() as services:
        answer = services.accounted_case_file(matter_id)
        try:
            receipt = services.receipt(matter_id)
        except NotFound:
            receipt = None
    case_file, times = answer.case_file, answer.accountable_time
    document: dict[str, Any] = {"case_file": as_document(case_file)}
    if times:
        document["accountable_time"] = [as_document(one) for one in times]
    if receipt is not None:
        document["receipt"] = as_document(receipt)
    if output:
        path = Path(output)
        try:
            path.touch(mode=0o600)
            path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
        except OSError as error:
            raise Invalid(
                f"--output: {output}: {error.strerror}; give a file that can be written",
                f"--output：{output}：无法写入（{error.strerror}）；请给出可以写入的文件",
            ) from None
        document = {"matter_id": case_file.matter_id, "records": len(case_file.records), "output": output}

    def show(out: Console) -> None:
        made = grid(
            app.words("写入者", "writer"),
            app.words("主题", "topic"),
            app.words("序号", "seq"),
            app.words("类型", "type"),
            app.words("收到", "received"),
            app.words("字节", "bytes"),
            app.words("叶摘要", "leaf"),
        )
        for one in case_file.records:
            place, kind = one.position, one.type.rpartition(".")[2]
            size, leaf = len(one.value), one.leaf_digest.hex()[:12]
            row(made, place.writer, place.topic, place.sequence, kind, labels.when(one.received), size, leaf)
        out.print(made)
        unsealed = app.words("尚未归档", "not sealed yet")
        sealed = case_file.HasField("seal")
        out.print(f"{app.words('根', 'root')} {case_file.seal.root.hex()}" if sealed else unsealed, soft_wrap=True)
        for one in times:
            hours = app.words(f"{one.minutes / 60:.1f} 工作小时", f"{one.minutes / 60:.1f} working hours")
            out.print(f"{labels.owner(one, app)}  {hours}", markup=False, soft_wrap=True)
        if output:
            out.print(f"{app.words('已写入', 'written to')} {escape(output)}", soft_wrap=True)

    app.emit(document, show)


@click.command()
@click.argument("matter_id", metavar="[ID]", required=False)
@click.option("--file", metavar="FILE", type=click.Path(dir_okay=False), help="Check what `case --output` wrote.")
@common
@click.pass_obj
def verify(app: App, matter_id: str | None, file: str | None) -> None:
    """Check a case file against its receipt (回执).

    Computing everything anew: seal, order of the records, every leaf (SHA-256 of 0x00 and the bytes), the manifest's
    completeness and the Merkle root (RFC 6962). Give ID to fetch both from the archive, or --file to ask nobody. Exit
    code 1 with the first difference.
    """
    if (matter_id is None) == (file is None):
        raise Usage("give either ID or --file FILE", "请给出 ID 或 --file FILE，二者取一")
    if file is not None:
        case_file, receipt = _read(file)
    else:
        own_id = checked_id(matter_id or "")
        with app.services() as services:
            case_file, receipt = services.case_file(own_id), _receipt(services.receipt, own_id)
        if case_file.matter_id != own_id:
            raise Unverified("the archive answered with another matter's case file", "档案服务返回了另一办件的卷宗")
    result = verification.verify(case_file, receipt)
    app.emit(_document(result, receipt), lambda out: _show(out, result, app))
    if result.difference is not None:
        raise click.exceptions.Exit(Unverified.exit_code)


def _receipt(fetch: Any, matter_id: str) -> Receipt:
    try:
        return fetch(matter_id)
    except NotFound:
        raise Unverified(
            "the matter is not sealed yet, so it has no receipt; wait until it is completed (`onematter progress`)",
            "该办件尚未归档封存，没有回执；请等办结（onematter progress）",
        ) from None


def _document(result: Verification, receipt: Receipt) -> dict[str, Any]:
    return {
        "matter_id": receipt.matter_id,
        "verified": result.difference is None,
        "checks": [{"name": one.name, "said": one.said} for one in result.checks],
        "difference": result.difference,
        "root": receipt.seal.root.hex(),
        "visits": receipt.visits,
    }


def _show(out: Console, result: Verification, app: App) -> None:
    for one in result.checks:
        out.print(f"[green]✓[/] {one.name}: {escape(one.said)}", soft_wrap=True)
    if result.difference is None:
        out.print(app.words("核验通过", "verified"))
    else:
        out.print(f"[red]✗[/] {escape(result.difference)}", soft_wrap=True)
        out.print(app.words("核验不通过", "verification failed"))


def _read(file: str) -> tuple[CaseFile, Receipt]:
    try:
        document = json.loads(Path(file).read_text(encoding="utf-8"))
        if "receipt" not in document and "case_file" in document:
            raise Unverified(
                "the file has no receipt: the matter was not sealed when it was written",
                "文件中没有回执：写出时该办件尚未归档封存",
            )
        return ParseDict(document["case_file"], CaseFile()), ParseDict(document["receipt"], Receipt())
    except OSError as error:
        raise Invalid(
            f"--file: {file}: {error.strerror}; give a readable file",
            f"--file：{file}：无法读取（{error.strerror}）；请给出可以读取的文件",
        ) from None
    except (ValueError, KeyError, TypeError, ParseError, RecursionError):
        raise Invalid(
            f"--file: {file} is not what `onematter case --output` writes",
            f"--file：{file} 不是 onematter case --output 写出的文件",
        ) from None
