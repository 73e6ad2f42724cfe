"""A guide as plain text, for a terminal, a message or a screen reader: no columns, no colours, one thing a line."""

from __future__ import annotations

from collections.abc import Iterator

from onematter.law.guide import Guide, Question
from onematter.law.guide_materials import Brought
from onematter.law.guide_words import GuideWords
from onematter.law.words import TRUST_CLASSES


def as_text(guide: Guide, language: str) -> str:
    """Return the guide in `language` (zh-CN or en), ending in a line feed."""
    words = GuideWords(guide, language)
    sections = [
        section
        for section in (
            _head(words),
            _situation(words),
            _stages(words),
            _brought(words),
            _held(words),
            _times(words),
            _handling(words),
            _basis(words),
            _trust(words),
        )
        if section
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(words: GuideWords) -> list[str]:
    guide = words.guide
    lines = [f"{words.kind()} · {words.pick(guide.names)}"]
    if guide.is_illustrative:
        lines.append(words.illustrative())
    lines += [
        f"{guide.code} · {words.version()} · {words.validity()}",
        words.say("牵头：", "Lead: ") + words.lead(),
    ]
    if words.whole_time():
        lines.append(words.say("全程承诺：", "Promised for the whole: ") + words.whole_time())
    lines += [
        words.say("跑动：", "Visits: ") + words.visits(),
        words.say("需提交：", "To bring: ") + words.brought_count(),
        words.say("不再要求：", "Not asked: ") + words.held_count(),
    ]
    return lines


def _situation(words: GuideWords) -> list[str]:
    guide = words.guide
    lines: list[str] = []
    if guide.answers:
        lines.append(words.say("【您的情形】", "YOUR SITUATION"))
        lines += [f"  {words.pick(one.names)}{words.say('：', ': ')}{words.pick(one.value)}" for one in guide.answers]
    deciding = [question for question in guide.questions if question.decides]
    if deciding:
        lines.append(
            words.say("【先回答：决定办哪些事项、交哪些材料】", "FIRST ANSWER: what chooses items and materials")
        )
        lines += [_question(words, question) for question in deciding]
    others = [question for question in guide.questions if not question.decides]
    if others:
        lines.append(words.say("【另需填写】", "ALSO TO FILL IN"))
        lines += [_question(words, question) for question in others]
    return lines


def _question(words: GuideWords, question: Question) -> str:
    remarks = words.question_remarks(question)
    told = f"  {words.pick(question.names)}{words.in_brackets(words.question_kind(question))}"
    return f"{told}{words.say('，', ', ')}{remarks}" if remarks else told


def _stages(words: GuideWords) -> list[str]:
    if not words.guide.stages:
        return [words.say("在这一情形下没有需要办理的事项。", "Nothing has to be applied for in this situation.")]
    lines = [words.say("【办理流程】", "WHAT IS DONE: ") + words.stages_title()]
    for number, stage in enumerate(words.guide.stages, start=1):
        lines.append(words.stage(number))
        for step in stage:
            tag = words.step_tag(step)
            lines.append(f"  {step.item_id} {words.pick(step.names)}{f' [{tag}]' if tag else ''}")
            times = words.times(step)
            lines.append(f"     {words.office(step)}{f' · {times}' if times else ''}")
            lines += [f"     {remark}" for remark in words.step_remarks(step)]
    return lines


def _brought(words: GuideWords) -> list[str]:
    brought = words.guide.brought
    if not brought:
        return []
    lines = [words.say("【需提交的材料】", "TO BRING")]
    for one in brought:
        lines.append(f"  {words.pick(one.names)}{words.in_brackets(words.due(one))}")
        lines += [f"     {remark}" for remark in _remarks(words, one)]
    return lines


def _remarks(words: GuideWords, one: Brought) -> Iterator[str]:
    if words.only_when(one):
        yield words.only_when(one)
    yield f"{words.pick(TRUST_CLASSES[one.trust_class])} · {words.used_by(one.item_ids)}"
    yield words.form(one)


def _held(words: GuideWords) -> list[str]:
    held = words.guide.held
    if not held:
        return []
    lines = [words.say("【不再要求提供】", "NOT ASKED OF YOU"), f"  {words.once_only()}"]
    for one in held:
        only = words.only_when(one)
        told = f"  {words.pick(one.names)}{words.say('：', ': ')}{words.holder(one)}"
        lines.append(f"{told}{words.in_brackets(only)}" if only else told)
    return lines


def _times(words: GuideWords) -> list[str]:
    guide = words.guide
    if not guide.stages:
        return []
    lines = [words.say("【时限】", "TIME")]
    if words.whole_time():
        lines.append(words.say("  全程承诺：", "  promised for the whole: ") + words.whole_time())
        lines += [f"     {when}{words.say('：', ': ')}{limit}" for when, limit in words.whole_times()]
    lines += [
        words.say("  按承诺的关键路径：", "  critical path by what is promised: ") + words.duration(guide.promised),
        words.say("  按法定的关键路径：", "  critical path by law: ") + words.duration(guide.legal),
    ]
    if words.fallback():
        lines.append(f"  {words.fallback()}")
    return lines


def _handling(words: GuideWords) -> list[str]:
    if not words.guide.stages:
        return []
    lines = [words.say("【受理、送达和救济】", "ACCEPTANCE, DELIVERY AND REMEDIES")]
    return lines + [f"  {name}{words.say('：', ': ')}{told}" for name, told in words.handling()]


def _basis(words: GuideWords) -> list[str]:
    basis = words.basis()
    if not basis:
        return []
    lines = [words.say("【设定依据】", "LEGAL BASIS")]
    return lines + [f"  {article}{words.say('：', ': ')}{items}" for article, items in basis]


def _trust(words: GuideWords) -> list[str]:
    trust = words.trust()
    if not trust:
        return []
    lines = [words.say("【数据可信程度】", "HOW FAR TO TRUST THIS")]
    return lines + [f"  {grade}{words.say('：', ': ')}{groups}" for grade, groups in trust]
