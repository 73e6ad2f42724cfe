"""The words that a person reads for what the catalogue keeps as codes, in Chinese and English.

Rule 1: everything here is a name by language, never a sentence; sentences belong to whoever tells them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import cast

from onematter.law.clock import ClockKind
from onematter.law.divisions import Level
from onematter.law.matters import LANGUAGES, Law, LegalBasis, Names


def names(chinese: str, english: str) -> Names:
    """Return a name in both languages."""
    return {"zh-CN": chinese, "en": english}


LEVELS: Mapping[Level, Names] = {
    Level.NATIONAL: names("国家级", "national"),
    Level.PROVINCE: names("省级", "province"),
    Level.CITY: names("市级", "city"),
    Level.COUNTY: names("县级", "county"),
    Level.TOWN: names("镇街级", "town"),
    Level.VILLAGE: names("村社级", "village"),
}
LEVEL_BY_REGIONS = names("层级按途经区域确定", "level by the regions crossed")
CASE_TYPES: Mapping[str, Names] = {
    "instant": names("即办件", "on the spot"),
    "promise": names("承诺件", "within a promised time"),
    "referred": names("上报件", "examined below, decided above"),
    "joint": names("联办件", "handled jointly"),
}
TRUST_CLASSES: Mapping[str, Names] = {
    "A": names("主管部门出具，电子证照即可", "from the authority; an e-certificate will do"),
    "B": names("窗口已核验，可重复使用", "verified at a window before"),
    "C": names("上传后到窗口核对原件", "upload it, and show the original at a window"),
    "D": names("申请人自备并承诺真实", "made and vouched for by the applicant"),
}
GRADES: Mapping[str, Names] = {
    "sourced": names("有公开来源", "from a public source"),
    "general": names("一般知识，未逐条核对", "general knowledge, not checked"),
    "illustrative": names("示例，非事实", "illustrative, not a fact"),
}
GROUPS: Mapping[str, Names] = {
    "matter": names("一件事的组成", "what makes this one matter"),
    "facts": names("情形问题", "questions"),
    "materials": names("材料", "materials"),
    "item": names("事项和部门", "items and departments"),
    "level": names("层级", "levels"),
    "dependencies": names("先后关系", "order of the items"),
    "time": names("时限", "times"),
    "situation": names("适用情形", "who needs which item"),
    "rule": names("秒批规则", "rules that decide at once"),
    "basis": names("设定依据", "legal basis"),
    "code": names("事项编码", "item codes"),
    "visit": names("联合勘验", "joint site visits"),
    "depth": names("网办深度", "online depth"),
    "fee": names("收费", "fees"),
    "acceptance": names("受理方式", "acceptance"),
    "joint": names("联合办理", "joint handling"),
    "delivery": names("送达方式", "delivery"),
    "cross_region": names("跨省通办", "handling across regions"),
    "totals": names("分情形全程时限", "times for the whole"),
    "pledge": names("告知承诺", "pledges"),
    "opinions": names("征求意见", "opinions"),
    "denial": names("不予许可的后果", "what a denial means"),
    "validity": names("有效期", "validity"),
    "supervision": names("监管部门", "supervision"),
}
ONLINE_DEPTHS: Mapping[str, Names] = {
    "offline": names("线下办理", "at a window"),
    "started": names("网上可办", "can be started online"),
    "whole": names("全程网办", "wholly online"),
}
FACT_KINDS: Mapping[str, Names] = {
    "text": names("文字", "text"),
    "number": names("数字", "number"),
    "flag": names("是或否", "yes or no"),
    "list": names("多项", "several"),
}
ROUTINGS: Mapping[str, Names] = {
    "own": names("一件事所在地", "the matter's division"),
    "each": names("逐地", "each division listed"),
    "origin": names("起运地", "the division of origin"),
    "crossed": names("按途经区域确定", "by the regions crossed"),
}
CODE_SCHEMES: Mapping[str, Names] = {
    "basic": names("基本编码", "basic code"),
    "implementation": names("实施编码", "implementation code"),
    "business": names("业务办理项编码", "business item code"),
    "opaque": names("编码", "code"),
}
ACCEPTANCES: Mapping[str, Names] = {
    "rule": names("材料齐全的，系统即时受理", "at once by the system when it is complete"),
    "window": names("窗口人员受理", "by a clerk at the window"),
}
DENIALS: Mapping[str, Names] = {
    "dependents": names("依赖它的事项不再办理，其他事项继续", "what waits for it lapses, the others go on"),
    "matter": names("整件事终止", "the whole matter ends"),
}
DELIVERY_WAYS: Mapping[str, Names] = {
    "e_certificate": names("电子证照", "e-certificate"),
    "post": names("邮寄", "post"),
    "counter": names("窗口领取", "at a counter"),
}
CROSS_REGION_MODES: Mapping[str, Names] = {
    "remote": names("全程网办", "wholly online"),
    "relayed": names("异地代收代办", "received elsewhere and passed on"),
    "joint": names("多地联办", "handled by several places together"),
}
YES, NO = names("是", "yes"), names("否", "no")


def days(count: int, kind: ClockKind = "working") -> Names:
    """Return a time in days of its kind; no days are the same day."""
    if count == 0:
        return names("当日", "the same day")
    unit = names("个工作日", "working day") if kind == "working" else names("个自然日", "calendar day")
    return names(f"{count} {unit['zh-CN']}", f"{count} {unit['en']}{'' if count == 1 else 's'}")


def years(count: int) -> Names:
    """Return a time in years."""
    return names(f"{count} 年", f"{count} year{'' if count == 1 else 's'}")


def fact_text(value: object) -> str:
    """Return an answer as a rule is written: yes and no as true and false, a number without needless digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(str(one) for one in cast("list[object]", value)) + "]"
    return f"{value:.15g}" if isinstance(value, (int, float)) else str(value)


def citation(basis: LegalBasis, laws: Mapping[str, Law]) -> Names:
    """Return how an article is cited; the law's code where it has no entry."""
    law = laws.get(basis.law) or Law(names(basis.law, basis.law))
    chinese, english = f"《{law.names['zh-CN']}》", law.names["en"]
    if law.number is not None:
        chinese, english = f"{chinese}（{law.number}）", f"{english} ({law.number})"
    if basis.article is not None:
        chinese, english = f"{chinese}第{basis.article}条", f"{english}, art. {basis.article}"
    if basis.paragraph is not None:
        chinese, english = f"{chinese}第{basis.paragraph}款", f"{english} para. {basis.paragraph}"
    return names(chinese, english)


def day(value: date) -> Names:
    """Return a day."""
    return names(f"{value.year}年{value.month}月{value.day}日", value.isoformat())


def listed(parts: Iterable[Names]) -> Names:
    """Return names one after the other."""
    told = list(parts)
    separators = names("、", ", ")
    return {language: separators[language].join(part[language] for part in told) for language in LANGUAGES}


def same(text: str) -> Names:
    """Return a text that reads the same in every language."""
    return names(text, text)


_FORMATS = {"application/pdf": "PDF", "image/jpeg": "JPEG", "image/png": "PNG"}


def formats(media_types: Iterable[str]) -> Names:
    """Return media types as people call them; the type itself where they have no name for it."""
    return listed(same(_FORMATS.get(one, one)) for one in media_types)


def size(count: int) -> Names:
    """Return a size in bytes as people say it."""
    if count >= 1 << 20 and count % (1 << 20) == 0:
        return same(f"{count >> 20} MiB")
    if count >= 1 << 10 and count % (1 << 10) == 0:
        return same(f"{count >> 10} KiB")
    return names(f"{count} 字节", f"{count} bytes")
