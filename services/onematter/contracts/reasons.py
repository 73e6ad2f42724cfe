"""What a refusal says to a person: the rule that was broken, and the way out, per language.

Rule 1: the contract carries codes and parameters; text is made here, at the edge, and nowhere else.
Rule 2: every code has a text in every language, and a text is always whole: a clause in square brackets stands only
when all its parameters came with the violation.
Rule 3: making a text never fails. Parameters that no text asks for are passed over, and those that it asks for are
shown without control characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from onematter.common.v1.outcome_pb2 import Reason, Violation
from onematter.contracts.reason_texts import IDENTIFIER_RULES, RULES, TEXTS

LANGUAGES = ("zh-CN", "en")


@dataclass(frozen=True, slots=True)
class ReasonText:
    """The rule that was broken, and what to do now; each one sentence or more."""

    rule: str
    way_out: str


def language_of(tag: str) -> str:
    """The language of LANGUAGES that a BCP 47 tag or a POSIX locale asks for; English for all but Chinese."""
    return "zh-CN" if re.match(r"zh($|[-_.])", tag.strip(), re.IGNORECASE) else "en"


def text(violation: Violation, language: str) -> ReasonText:
    """Say what `violation` means in `language` (a BCP 47 tag or a locale). Never raises."""
    tag = language_of(language)
    parameters = {name: _shown(name, value, tag) for name, value in violation.parameters.items()}
    templates = TEXTS.get(violation.reason, TEXTS[Reason.REASON_UNSPECIFIED])
    rule, way_out = templates[LANGUAGES.index(tag)]
    named = violation.parameters.get("rule", "")
    detail = IDENTIFIER_RULES if violation.reason == Reason.REASON_IDENTIFIER_INVALID else RULES
    detail = detail.get(named)
    if detail is not None:
        clause = _filled(detail[LANGUAGES.index(tag)], parameters)
        if clause:
            parameters["rule"] = clause
    return ReasonText(_filled(rule, parameters), _filled(way_out, parameters))


_CLAUSE = re.compile(r"\[([^\]]*)\]")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_PREFIX = re.compile(r"\A(?:[A-Z]+_)*(?:STATUS|RANK|LEVEL)_(?=[A-Z])")
_MAX_SHOWN_CHARACTERS = 500
_LEVELS = {
    "PROVINCE": ("省级", "the province"),
    "CITY": ("市级", "the city"),
    "COUNTY": ("县（区）级", "the county"),
}
# What a parameter's value says in words, by the parameter's name; a value that stands not there is shown as it is.
_WORDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "competent": _LEVELS,
    "level": _LEVELS,
    "allowed": {
        "OFFICIAL": ("审批人员", "officials"),
        "SYSTEM": ("部门系统", "systems"),
        "APPLICANT": ("申请人", "applicants"),
        "AGENT": ("代办人", "agents"),
        "CLERK": ("窗口人员", "window clerks"),
        "SUPERVISOR": ("监督人员", "supervisors"),
        "OPERATOR": ("运维人员", "operators"),
    },
    "became": {
        "set_aside": ("已搁置", "set aside"),
        "replayed": ("已重放", "replayed"),
        "duplicate": ("是重复记录", "a duplicate"),
        "forwarded": ("已转发", "forwarded"),
        "dropped": ("已放弃", "given up"),
    },
    "required": {
        "STAFF": ("经办人", "official in charge"),
        "SECTION_HEAD": ("科（处）室负责人", "head of section"),
        "DEPARTMENT_HEAD": ("本行政机关负责人", "head of the authority"),
        "GOVERNMENT_HEAD": ("本级人民政府负责人", "head of the government of its level"),
    },
    # The names of onematter.law.clock's rules.
    "period": {
        "acceptance": ("受理", "acceptance"),
        "decision": ("作出决定", "the decision"),
        "decision_by_other_law": ("依其他法律作出决定", "the decision by another law"),
        "joint_decision": ("联合办理", "joint handling"),
        "examination": ("下级机关审查", "examination by the lower level"),
        "delivery": ("送达", "delivery"),
        "opinion": ("回复意见", "the opinion"),
        "hearing_request": ("提出听证申请", "asking for a hearing"),
        "hearing": ("组织听证", "the hearing"),
        "promise": ("承诺时限", "the promised time"),
    },
    "offered": {
        "e_certificate": ("电子证照", "e-certificate"),
        "post": ("邮寄", "post"),
        "counter": ("窗口领取", "counter"),
        "remote": ("全程网办", "remote"),
        "relayed": ("异地代收代办", "relayed"),
        "joint": ("多地联办", "joint"),
    },
    "status": {
        "RECEIVED": ("已收件", "received"),
        "CORRECTION": ("补正中", "in correction"),
        "RUNNING": ("办理中", "running"),
        "WITHDRAWING": ("撤回中", "being withdrawn"),
        "VOIDING": ("作废中", "being voided"),
        "COMPLETED": ("已办结", "completed"),
        "OPEN": ("待办", "open"),
        "CLAIMED": ("已签收", "claimed"),
        "SUSPENDED": ("已暂停", "standing still"),
        "DECIDED": ("已决定", "decided"),
        "RECALLED": ("已收回", "called back"),
        "REVOKED": ("已撤销", "revoked"),
    },
}
# Parameters whose value is a list, its parts apart by ", ".
_LISTS = frozenset({"allowed", "departments", "known", "material", "offered"})


def _shown(name: str, value: str, tag: str) -> str:
    column = LANGUAGES.index(tag)
    if name == "max_bytes" and value.isdecimal():
        size_bytes = int(value)
        if size_bytes >= 1 << 20 and size_bytes % (1 << 20) == 0:
            return f"{size_bytes >> 20} MiB"
        return f"{value} 字节" if tag == "zh-CN" else f"{value} bytes"
    words = _WORDS.get(name, {})
    parts = value.split(", ") if name in _LISTS else [value]
    said = [words[part][column] if part in words else part for part in map(_unprefixed, parts)]
    value = ("、" if tag == "zh-CN" else ", ").join(said)
    return "".join(c if c.isprintable() else "�" for c in value[:_MAX_SHOWN_CHARACTERS])


def _unprefixed(value: str) -> str:
    """An enum's value without its enum's name, as RECEIVED of MATTER_STATUS_RECEIVED; everything else as it is."""
    return _PREFIX.sub("", value)


def _filled(template: str, parameters: Mapping[str, str]) -> str:
    def clause(match: re.Match[str]) -> str:
        names = _PLACEHOLDER.findall(match[1])
        if any(not parameters.get(name) for name in names):
            return ""
        return _PLACEHOLDER.sub(lambda placeholder: parameters[placeholder[1]], match[1])

    return _CLAUSE.sub(clause, template)
