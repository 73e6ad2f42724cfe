"""A guide as one page that stands for itself: no script, no other file, readable on a phone, in the dark and on paper.

Rule 1: everything that comes from the record is escaped; the page allows nothing but its own style.
Rule 2: meaning never hangs on colour or place alone: headings, table headers and words carry it.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from onematter.law.guide import Guide, Question, Step
from onematter.law.guide_style import STYLE
from onematter.law.guide_words import GuideWords
from onematter.law.words import TRUST_CLASSES


def as_html(guide: Guide, language: str) -> str:
    """Return the guide in `language` (zh-CN or en) as a whole HTML document."""
    words = GuideWords(guide, language)
    title = f"{words.pick(guide.names)} · {words.kind()}"
    sections = [
        _situation(words),
        _stages(words),
        _brought(words),
        _held(words),
        _times(words),
        _handling(words),
        _basis(words),
        _trust(words),
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{escape(language)}">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f'<a class="skip" href="#main">{escape(words.say("跳到正文", "Skip to the guide"))}</a>',
            *_head(words),
            '<main id="main">',
            *(line for section in sections for line in section),
            "</main>",
            *_foot(words),
            "</body>",
            "</html>",
            "",
        ]
    )


def _head(words: GuideWords) -> list[str]:
    guide = words.guide
    figures = [
        (words.say("全程承诺", "Promised for the whole"), words.whole_time()),
        (words.say("跑动", "Visits"), words.visits()),
        (words.say("需提交", "To bring"), words.brought_count()),
        (words.say("不再要求", "Not asked"), words.held_count()),
    ]
    lines = [
        "<header>",
        f'<p class="kind">{escape(words.kind())}</p>',
        f"<h1>{escape(words.pick(guide.names))}</h1>",
        f'<p class="record">{escape(guide.code)} · {escape(words.version())} · {escape(words.validity())} · '
        f"{escape(words.say('牵头', 'lead'))} {escape(words.lead())}</p>",
    ]
    if guide.is_illustrative:
        lines.append(f'<p class="warning">{escape(words.illustrative())}</p>')
    lines.append('<dl class="figures">')
    for name, value in figures:
        if value:
            lines.append(f"<div><dt>{escape(name)}</dt><dd>{_figure(value)}</dd></div>")
    return [*lines, "</dl>", "</header>"]


def _figure(value: str) -> str:
    """Set the figure that a value begins with large, and the rest beneath it."""
    for mark in ("：", ": ", "，", ", "):
        first, found, rest = value.partition(mark)
        if found:
            return f'<span class="figure">{escape(first)}</span> <span class="remark">{escape(rest)}</span>'
    return f'<span class="figure">{escape(value)}</span>'


def _section(anchor: str, title: str, body: Iterable[str]) -> list[str]:
    return [f'<section aria-labelledby="{anchor}">', f'<h2 id="{anchor}">{escape(title)}</h2>', *body, "</section>"]


def _situation(words: GuideWords) -> list[str]:
    guide = words.guide
    lines: list[str] = []
    if guide.answers:
        body = ['<dl class="answers">']
        for one in guide.answers:
            body.append(f"<div><dt>{escape(words.pick(one.names))}</dt><dd>{escape(words.pick(one.value))}</dd></div>")
        lines += _section("situation", words.say("您的情形", "Your situation"), [*body, "</dl>"])
    deciding = [question for question in guide.questions if question.decides]
    others = [question for question in guide.questions if not question.decides]
    if deciding:
        intro = words.say(
            "这些回答决定办哪些事项、交哪些材料。",
            "These answers choose the items to apply for and the materials to bring.",
        )
        body = [f"<p>{escape(intro)}</p>", *_questions(words, deciding)]
        lines += _section("questions", words.say("先回答", "First answer"), body)
    if others:
        lines += _section("details", words.say("另需填写", "Also to fill in"), _questions(words, others))
    return lines


def _questions(words: GuideWords, questions: Iterable[Question]) -> list[str]:
    lines = ['<ul class="questions">']
    for question in questions:
        remarks = words.question_remarks(question)
        more = f' <span class="remark">{escape(remarks)}</span>' if remarks else ""
        lines.append(
            f"<li>{escape(words.pick(question.names))} "
            f'<span class="choices">{escape(words.question_kind(question))}</span>{more}</li>'
        )
    return [*lines, "</ul>"]


def _stages(words: GuideWords) -> list[str]:
    title = words.say("办理流程", "What is done")
    if not words.guide.stages:
        nothing = words.say("在这一情形下没有需要办理的事项。", "Nothing has to be applied for in this situation.")
        return _section("steps", title, [f"<p>{escape(nothing)}</p>"])
    lines = [f"<p>{escape(words.stages_title())}</p>", '<ol class="stages">']
    for number, stage in enumerate(words.guide.stages, start=1):
        lines += ["<li>", f"<h3>{escape(words.stage(number))}</h3>", '<ul class="steps">']
        for step in stage:
            lines += _step(words, step)
        lines += ["</ul>", "</li>"]
    return _section("steps", title, [*lines, "</ol>"])


def _step(words: GuideWords, step: Step) -> list[str]:
    tag, times, remarks = words.step_tag(step), words.times(step), words.step_remarks(step)
    lines = [
        f"<li{'' if step.is_certain else ' class=' + chr(34) + 'open' + chr(34)}>",
        f'<h4><span class="number">{escape(step.item_id)}</span> {escape(words.pick(step.names))}'
        + (f' <span class="tag">{escape(tag)}</span>' if tag else "")
        + "</h4>",
        f'<p class="office">{escape(words.office(step))}</p>',
    ]
    if times:
        lines.append(f'<p class="time">{escape(times)}</p>')
    if remarks:
        lines += ["<ul>", *(f"<li>{escape(remark)}</li>" for remark in remarks), "</ul>"]
    return [*lines, "</li>"]


def _table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table; cells are HTML, and the first of each row names it."""
    columns = list(heads)
    lines = [
        '<div class="scroll" tabindex="0" role="region" aria-label="' + escape(caption) + '">',
        "<table>",
        f"<caption>{escape(caption)}</caption>",
        "<thead><tr>" + "".join(f'<th scope="col">{escape(head)}</th>' for head in columns) + "</tr></thead>",
        "<tbody>",
    ]
    for row in rows:
        first, *others = row
        cells = "".join(
            f'<td data-label="{escape(head)}">{cell}</td>' for head, cell in zip(columns[1:], others, strict=True)
        )
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return [*lines, "</tbody>", "</table>", "</div>"]


def _named(name: str, remark: str) -> str:
    return escape(name) + (f' <span class="remark">{escape(remark)}</span>' if remark else "")


def _brought(words: GuideWords) -> list[str]:
    brought = words.guide.brought
    if not brought:
        return []
    heads = (
        words.say("材料", "material"),
        words.say("何时", "when"),
        words.say("要求", "what is accepted"),
        words.say("用于", "for"),
    )
    rows = [
        (
            _named(words.pick(one.names), words.only_when(one)),
            escape(words.due(one)),
            _named(words.pick(TRUST_CLASSES[one.trust_class]), words.form(one)),
            escape(words.ids(one.item_ids)),
        )
        for one in brought
    ]
    title = words.say("需提交的材料", "To bring")
    return _section("bring", title, _table(words.say("每份材料只交一次", "Each is handed in once"), heads, rows))


def _held(words: GuideWords) -> list[str]:
    held = words.guide.held
    if not held:
        return []
    heads = (
        words.say("材料或证照", "material or certificate"),
        words.say("从哪里来", "where it comes from"),
        words.say("用于", "for"),
    )
    rows = [
        (
            _named(words.pick(one.names), words.only_when(one)),
            escape(words.holder(one)),
            escape(words.ids(one.item_ids)),
        )
        for one in held
    ]
    return _section("held", words.say("不再要求提供", "Not asked of you"), _table(words.once_only(), heads, rows))


def _times(words: GuideWords) -> list[str]:
    guide = words.guide
    if not guide.stages:
        return []
    told = [
        (words.say("全程承诺", "Promised for the whole"), words.whole_time()),
        *words.whole_times(),
        (words.say("按承诺的关键路径", "Critical path by what is promised"), words.duration(guide.promised)),
        (words.say("按法定的关键路径", "Critical path by law"), words.duration(guide.legal)),
    ]
    lines = ['<dl class="answers">']
    lines += [f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in told if value]
    lines.append("</dl>")
    if words.fallback():
        lines.append(f'<p class="remark">{escape(words.fallback())}</p>')
    return _section("times", words.say("时限", "Time"), lines)


def _handling(words: GuideWords) -> list[str]:
    if not words.guide.stages:
        return []
    lines = [f"<div><dt>{escape(name)}</dt><dd>{escape(told)}</dd></div>" for name, told in words.handling()]
    title = words.say("受理、送达和救济", "Acceptance, delivery and remedies")
    return _section("handling", title, ['<dl class="answers">', *lines, "</dl>"])


def _basis(words: GuideWords) -> list[str]:
    basis = words.basis()
    if not basis:
        return []
    lines = [
        f'<li>{escape(article)} <span class="remark">{escape(words.say("事项 ", "item ") + items)}</span></li>'
        for article, items in basis
    ]
    return _section("basis", words.say("设定依据", "Legal basis"), ["<ul>", *lines, "</ul>"])


def _trust(words: GuideWords) -> list[str]:
    trust = words.trust()
    if not trust:
        return []
    lines = [f"<div><dt>{escape(grade)}</dt><dd>{escape(groups)}</dd></div>" for grade, groups in trust]
    title = words.say("数据可信程度", "How far to trust this")
    return _section("trust", title, ['<dl class="answers">', *lines, "</dl>"])


def _foot(words: GuideWords) -> list[str]:
    made = words.say(
        f"由事项目录 {words.guide.code} 第 {words.guide.version} 版生成；办理时以这同一份目录为准。",
        f"Made from the catalogue's record {words.guide.code}, version {words.guide.version}: the one that is run.",
    )
    return ["<footer>", f"<p>{escape(made)}</p>", "</footer>"]
