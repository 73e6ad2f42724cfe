"""What the command says when something is wrong: in Chinese where the locale, or --lang, is Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from click.testing import Result

import onematter.client
from onematter.approval.v1.approval_service_pb2 import TaskView
from onematter.client.errors import Invalid, Refused
from onematter.common.v1.outcome_pb2 import Reason, Violation

from .conftest import MATTER, Office, abort, document

Run = Callable[..., Result]

CHINESE = re.compile(r"[一-鿿]")
ROOT = Path(onematter.client.__file__).parent
ERRORS = {"DeadlineExceeded", "Invalid", "NotFound", "OneMatterError", "Unavailable", "Unverified", "Usage"}


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    return run


def said(result: Result) -> str:
    return result.stderr.strip()


def test_an_id_that_is_none_is_told_in_the_language_of_the_locale(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(run("progress", "12")).startswith("error: matter_id: it is not 32 hexadecimal digits")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert said(run("progress", "12")).startswith("错误: matter_id：不是 32 位十六进制")
    assert said(run("progress", "12", "--lang", "en")).startswith("error: matter_id: it is not")


def test_a_document_has_the_language_too(run: Run) -> None:
    message = document(run("progress", "12", "--json", "--lang", "zh-CN"))["error"]["message"]
    assert message.startswith("matter_id：不是 32 位十六进制")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("submit", "nowhere.json"), "请给出可以读取的文件"),
        (("decide", MATTER, "02", "--opinion", "x"), "请给出 --grant 或 --deny"),
        (("correct", MATTER, "02", "--need", "plan"), "请写作 材料代码=问题"),
        (("claim", MATTER, "77"), "没有办件"),
        (("down",), "没有在运行的服务"),
    ],
)
def test_what_is_wrong_here_is_told_in_chinese(chinese: Run, arguments: tuple[str, ...], part: str) -> None:
    assert part in said(chinese(*arguments))


def test_usage_has_the_language_in_a_document_too(chinese: Run, run: Run) -> None:
    arguments = ("decide", MATTER, "02", "--opinion", "x", "--json")
    assert "请给出 --grant 或 --deny" in document(chinese(*arguments))["error"]["message"]
    assert "give --grant or --deny" in document(run(*arguments, "--lang", "en"))["error"]["message"]


def test_how_to_repeat_it_is_told_in_chinese(chinese: Run, office: Office, task: TaskView) -> None:
    del task
    office.failure = lambda context: abort(context, grpc.StatusCode.UNAVAILABLE, "away")
    told = said(chinese("withdraw", MATTER, "--request-id", "r-7"))
    assert "目前不能答复" in told
    assert "可用 --request-id r-7 再次发送" in told


def test_a_refusal_has_both_languages() -> None:
    refused = Refused([Violation(field="item_id", reason=Reason.REASON_TASK_DECIDED)])
    assert CHINESE.search(refused.said("zh-CN"))
    assert not CHINESE.search(refused.said("en"))
    assert str(refused) == refused.said("en")


def test_an_error_of_one_language_is_told_in_that() -> None:
    assert Invalid("as it came").said("zh-CN") == "as it came"


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every error that the client makes, with its place."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def literal(node: ast.expr) -> str:
    """The words of a text that stand in the source."""
    return "".join(one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_every_error_of_the_client_is_said_in_both_languages() -> None:
    found = list(calls())
    assert len(found) > 60
    for place, call in found:
        if not re.search(r"[a-z]{3}", literal(call.args[0])) or literal(call.args[0]) == "; --fact ":
            # Said elsewhere: by the law's own errors, or by this machine's.
            continue
        assert len(call.args) == 2, f"{place} has no Chinese text"
        assert not CHINESE.search(literal(call.args[0])), place
        assert CHINESE.search(literal(call.args[1])) or "：" in literal(call.args[1]), place
