"""What is said where there is no such thing: what was looked for, and the way out, per language.

A kind that has no words of its own, or is younger than this version, is said with those for anything.
"""

from __future__ import annotations

from onematter.contracts.reasons import language_of

# (zh-CN, en); `query` is a matter by its printed number and query code.
TEXTS: dict[str, tuple[str, str]] = {
    "matter": (
        "没有这一办件；请核对办件标识，刚提交的请等收件后再查",
        "there is no such matter; check the id, or wait until the hand-in is taken in",
    ),
    "query": (
        "没有办件编号和查询密码与此相符的办件；请按提交时打印的核对两者，刚提交的请稍后再查",
        "there is no matter with this number and this query code; compare both with what was printed at the hand-in",
    ),
    "matter type": (
        "事项目录中没有这一件事，或者目前没有生效的版本；可用 onematter catalogue 查看可以办理的一件事",
        "the catalogue has no such matter in force; see `onematter catalogue` for what can be handed in",
    ),
    "task": (
        "此处没有这一事项；请核对事项编号，并用 onematter progress 查看由哪一级办理",
        "there is no such task here; check the item's id, and which level has it, with `onematter progress`",
    ),
    "receipt": (
        "尚无回执：办件还没有归档封存；请等办结（onematter progress）",
        "there is no receipt yet: the matter is not sealed; wait until it is completed (`onematter progress`)",
    ),
    "material": (
        "没有这一摘要的材料内容；请核对摘要，或重新上传",
        "there is no content of this digest; check the digest, or upload it again",
    ),
}
_ANYTHING = ("没有找到；请核对标识", "there is no such {what}; check the id")


def text(what: str, language: str) -> str:
    """Say that there is no such `what`, in `language` (a BCP 47 tag or a locale)."""
    chinese, english = TEXTS.get(what, _ANYTHING)
    return chinese if language_of(language) == "zh-CN" else english.format(what=what)
