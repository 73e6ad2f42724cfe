"""What can go wrong, as a caller meets it.

    OneMatterError         exit code
    ├── Refused            1   the command may not happen; every broken rule is told
    ├── Unverified         1   a case file is not what its receipt says
    ├── Invalid            2   the input cannot be sent at all; names the field
    ├── Unavailable        3   a service or Kafka cannot be reached, or asks to wait; send the same request again
    ├── NotFound           4   no such matter, task or record; Refused for that alone exits with 4 too
    └── DeadlineExceeded   5   no answer in time; what was asked may still have happened: repeat the same request_id

No text repeats personal data. Each is said in English and in Chinese.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onematter.common.v1.outcome_pb2 import Reason, Violation
from onematter.contracts.reasons import language_of, text

_UNKNOWN = frozenset({Reason.REASON_MATTER_UNKNOWN, Reason.REASON_TASK_UNKNOWN})


class OneMatterError(Exception):
    """Anything the client reports."""

    code = "error"
    exit_code = 1

    def __init__(self, text: str, chinese: str = "") -> None:
        """`text` is English, and stands for both languages where `chinese` is empty."""
        super().__init__(text)
        self.chinese = chinese

    def said(self, language: str) -> str:
        """The text in the language that a tag asks for."""
        return self.chinese if self.chinese and language_of(language) == "zh-CN" else str(self)

    def document(self, language: str) -> dict[str, Any]:
        """The error as a JSON document."""
        return {"code": self.code, "message": self.said(language)}


class Refused(OneMatterError):
    """A command that may not happen. `violations` tells every broken rule.

    Its exit code is NotFound's where all that is wrong is that there is no such matter or task.
    """

    code = "refused"
    exit_code = 1

    def __init__(self, violations: Sequence[Violation], request_id: str = "") -> None:
        self.violations = tuple(violations)
        self.request_id = request_id
        if self.violations and all(one.reason in _UNKNOWN for one in self.violations):
            self.exit_code = NotFound.exit_code
        super().__init__(
            "refused: " + "; ".join(_line(v, "en") for v in self.violations),
            "被拒绝：" + "；".join(_line(v, "zh-CN") for v in self.violations),
        )

    def document(self, language: str) -> dict[str, Any]:
        """The refusal with the text of every rule and way out in `language`."""
        told: list[dict[str, Any]] = []
        for violation in self.violations:
            said = text(violation, language)
            told.append(
                {
                    "field": violation.field,
                    "reason": reason_name(violation.reason),
                    "parameters": dict(violation.parameters),
                    "rule": said.rule,
                    "way_out": said.way_out,
                }
            )
        return {"code": self.code, "message": f"refused for {len(told)} reason(s)", "violations": told}


class Unverified(OneMatterError):
    """A case file differs from its receipt, or cannot be verified yet."""

    code = "verification_failed"
    exit_code = 1


class Invalid(OneMatterError):
    """The input is not what can be sent; the text names the field and the way out."""

    code = "invalid"
    exit_code = 2


class Unavailable(OneMatterError):
    """A part cannot be reached, or asks to wait."""

    code = "unavailable"
    exit_code = 3


class NotFound(OneMatterError):
    """There is no such thing."""

    code = "not_found"
    exit_code = 4


class DeadlineExceeded(OneMatterError):
    """No answer in time."""

    code = "deadline_exceeded"
    exit_code = 5


def reason_name(number: Any) -> str:
    """The name of a reason code without its prefix; its number when this version does not know it."""
    if number in Reason.values():
        return Reason.Name(number).removeprefix("REASON_")
    return str(number)


def _line(violation: Violation, language: str) -> str:
    said = text(violation, language)
    if language == "zh-CN":
        return f"{violation.field or '请求'}：{said.rule}{said.way_out}"
    return f"{violation.field or 'request'}: {said.rule} {said.way_out}"
