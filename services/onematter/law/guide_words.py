"""The sentences of a guide in one language; text and page tell the same in their own shape.

Rule 1: a value that the record calls illustrative is marked where it stands.
Rule 2: what is not known is left out, but where a sum would look whole without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from onematter.law.guide import Duration, Guide, Question, Step
from onematter.law.guide_materials import Brought, Held
from onematter.law.guide_words_handling import HandlingWords
from onematter.law.words import (
    CASE_TYPES,
    FACT_KINDS,
    GRADES,
    GROUPS,
    LEVEL_BY_REGIONS,
    LEVELS,
    day,
    days,
    formats,
    size,
)


class GuideWords(HandlingWords):
    """Says the parts of `guide` in `language` (zh-CN or en)."""

    def __init__(self, guide: Guide, language: str) -> None:
        super().__init__(guide, language)
        self._alternatives = {step.item_id: step.alternatives for step in guide.steps}

    # The head

    def kind(self) -> str:
        """What this document is."""
        return self.say("办事指南", "Guide")

    def validity(self) -> str:
        """From when to when it may be handed in."""
        begins, ends = self.pick(day(self.guide.valid_from)), self.guide.valid_until
        if ends is None:
            return self.say(f"{begins}起施行", f"in force from {begins}")
        return self.say(f"{begins}至{self.pick(day(ends))}施行", f"in force from {begins} to {self.pick(day(ends))}")

    def version(self) -> str:
        """Which version."""
        return self.say(f"第 {self.guide.version} 版", f"version {self.guide.version}")

    def lead(self) -> str:
        """Who leads."""
        return f"{self.pick(self.guide.lead_department)}{self.in_brackets(self.pick(LEVELS[self.guide.lead_level]))}"

    def illustrative(self) -> str:
        """What to know before trusting an illustrative guide."""
        return self.say(
            "示例：这一件事的组合或内容未经公开来源证实，不能据以办事。",
            "Illustrative: the combination or its contents are not confirmed by a public source. Do not act on it.",
        )

    def whole_time(self) -> str:
        """What is promised for the whole matter; empty when nothing is."""
        promised = self.guide.promised_days
        possible = sorted(
            {total.days for total in self.guide.handling.totals} | (set() if promised is None else {promised})
        )
        if not possible:
            return ""
        longest = self.pick(days(possible[-1]))
        if len(possible) == 1:
            return longest
        return f"{possible[0]}–{longest}" + self.say("，视情形而定", ", depending on the situation")

    def visits(self) -> str:
        """How often the applicant has to come because of materials."""
        visits = self.guide.visits
        if not visits:
            return self.say("0 次：没有要到窗口核对原件的材料", "none: no original has to be shown at a window")
        shown = self.listed([one.names for one in visits])
        if all(one.is_certain and one.due == "asked" for one in visits):
            return self.say(f"1 次：到窗口核对原件（{shown}）", f"one: originals to be shown at a window ({shown})")
        return self.say(
            f"最多 1 次：到窗口核对原件（{shown}）", f"at most one: originals to be shown at a window ({shown})"
        )

    def brought_count(self) -> str:
        """How many materials have to be brought."""
        brought = self.guide.brought
        must = sum(one.due == "asked" and one.is_certain for one in brought)
        may = sum(one.due == "asked" and not one.is_certain for one in brought)
        later = sum(one.due == "later" for one in brought)
        free = sum(one.due == "voluntary" for one in brought)
        told = [self.say(f"{must} 份", str(must))]
        if may:
            told.append(self.say(f"视情形另需 {may} 份", f"{may} more in some situations"))
        if later:
            told.append(self.say(f"{later} 份可容缺后补", f"{later} may follow later"))
        if free:
            told.append(self.say(f"{free} 份可自愿提供", f"{free} if you like"))
        return self.say("，", ", ").join(told)

    def held_count(self) -> str:
        """How many materials are not asked."""
        count = len(self.guide.held)
        return self.say(f"{count} 份", str(count))

    # Questions

    def question_kind(self, question: Question) -> str:
        """What may be answered."""
        if question.choices:
            choices = self.say(" / ", " / ").join(self.pick(one) for one in question.choices)
            several = self.say("可多选：", "one or more of: ") if question.kind == "list" else ""
            return f"{several}{choices}"
        return self.pick(FACT_KINDS[question.kind])

    def question_remarks(self, question: Question) -> str:
        """When it is asked, and whether it may be left out; empty when always and not."""
        told: list[str] = []
        if question.when is not None:
            told.append(self.condition(question.when))
        if not question.required:
            told.append(self.say("可不答", "may be left out"))
        return self.say("；", "; ").join(told)

    # Steps

    def stages_title(self) -> str:
        """How many items and stages there are."""
        items, stages = len(self.guide.steps), len(self.guide.stages)
        return self.say(
            f"{items} 个事项，分 {stages} 步；同一步内并联办理",
            f"{items} item{'' if items == 1 else 's'} in {stages} stage{'' if stages == 1 else 's'};"
            " those of a stage are handled in parallel",
        )

    def stage(self, number: int) -> str:
        """A stage's heading."""
        return self.say(f"第 {number} 步", f"Stage {number}")

    def step_tag(self, step: Step) -> str:
        """Whether a step is for everybody; empty when it is."""
        if step.is_certain:
            return ""
        return self.say("可选", "optional") if step.is_optional else self.say("视情形", "depends")

    def office(self, step: Step) -> str:
        """Who decides, at which level, and how."""
        level = LEVEL_BY_REGIONS if step.routing == "crossed" else LEVELS[step.level]
        parts = (step.department, level, CASE_TYPES[step.case_type])
        return " · ".join(self.pick(part) for part in parts)

    def times(self, step: Step) -> str:
        """The legal and the promised time as far as they are known; empty when neither is."""
        told: list[str] = []
        if step.legal_days is not None:
            told.append(self.say("法定 ", "by law ") + self.pick(days(step.legal_days, step.clock_kind)))
        if step.promised_days is not None:
            told.append(self.say("承诺 ", "promised ") + self.pick(days(step.promised_days, step.clock_kind)))
        if not told:
            return ""
        return self.say("，", ", ").join(told) + self.mark(step, "time")

    def after(self, step: Step) -> str:
        """What comes first; of alternatives it is one of them."""
        told: list[str] = []
        left = list(step.after)
        while left:
            alike = [one for one in left if one == left[0] or one in self._alternatives.get(left[0], ())]
            left = [one for one in left if one not in alike]
            told.append(self.say(" 或 ", " or ").join(alike))
        return self.ids(told)

    def step_remarks(self, step: Step) -> list[str]:
        """All else that is known of a step, each in a sentence."""
        told: list[str] = []
        if step.when is not None:
            told.append(self.condition(step.when))
        if step.alternatives and not step.is_certain:
            others = self.ids(step.alternatives)
            told.append(self.say(f"与 {others} 择一办理", f"one of this and {others}"))
        if step.each is not None:
            told.append(self.say(f"逐地各办一次：{self.pick(step.each)}", f"once for each of: {self.pick(step.each)}"))
        if step.after:
            told.append(self.say(f"在 {self.after(step)} 之后", f"after {self.after(step)}"))
        if step.by_rule is not None:
            rule = self.pick(step.by_rule) + self.mark(step, "rule")
            told.append(self.say(f"秒批：{rule}", f"decided at once: {rule}"))
        if step.visits_with:
            others = self.ids(step.visits_with)
            told.append(self.say(f"与 {others} 一同勘验，只来一次", f"one site visit together with {others}"))
        told += self.step_handling(step)
        if step.produces:
            told.append(self.say("办成得到：", "you receive: ") + self.listed(step.produces))
        if step.fee is not None:
            told.append(self.say("收费：", "fee: ") + self.pick(step.fee))
        if step.code is not None:
            told.append(self.say("事项编码：", "item code: ") + step.code.text + self.mark(step, "code"))
        return told

    # Materials

    def due(self, one: Brought) -> str:
        """When a material is brought."""
        told = {
            "asked": self.say("提交时", "at the hand-in"),
            "later": self.say("可容缺后补", "may follow later"),
            "voluntary": self.say("自愿提供", "if you like"),
        }[one.due]
        if one.limit is None:
            return told
        limit = self.pick(days(one.limit.days, one.limit.kind))
        return told + self.say(f"，最迟 {limit}内", f", within {limit} at the latest")

    def form(self, one: Brought) -> str:
        """In which formats a material is taken, and how large."""
        limit = self.pick(size(one.max_bytes))
        return self.say(
            f"{self.pick(formats(one.media_types))}，不超过 {limit}",
            f"{self.pick(formats(one.media_types))}, up to {limit}",
        )

    def used_by(self, item_ids: Sequence[str]) -> str:
        """Which items use a material."""
        return self.say(f"用于 {self.ids(item_ids)}", f"for {self.ids(item_ids)}")

    def only_when(self, one: Brought | Held) -> str:
        """In which situations; empty when in all."""
        if one.is_certain:
            return ""
        if one.when is not None:
            return self.condition(one.when)
        return self.say("视情形", "in some situations")

    def holder(self, one: Held) -> str:
        """Where what is not asked comes from."""
        if one.by == "shared":
            holders = self.listed(one.holders)
            return self.say(f"由{holders}共享", f"shared by {holders}")
        makers = self.say("或 ", " or ").join(
            f"{item_id} {self.pick(names)}" for item_id, names in zip(one.maker_ids, one.holders, strict=True)
        )
        return self.say(f"办理中生成：{makers}", f"made on the way: {makers}")

    def once_only(self) -> str:
        """Why it is not asked."""
        return self.say(
            "能通过数据共享取得的材料，不得要求申请人提供（国务院令第716号第7条）。",
            "What can be had by data sharing must not be asked of the applicant"
            " (State Council Decree No. 716, art. 7).",
        )

    # Times and trust

    def duration(self, duration: Duration) -> str:
        """The critical path, with what it leaves out."""
        if not duration.most_days and duration.unknown:
            told = self.say("未公布", "not published")
        elif duration.least_days == duration.most_days or not duration.least_days:
            limit = self.pick(days(duration.most_days))
            may_be_less = duration.least_days != duration.most_days
            told = self.say(f"最长 {limit}", f"at most {limit}") if may_be_less else limit
        else:
            limit = self.pick(days(duration.most_days))
            told = f"{duration.least_days}–{limit}" + self.say("，视情形而定", ", depending on the situation")
        if len(duration.item_ids) > 1:
            told += self.in_brackets(" → ".join(duration.item_ids))
        if duration.is_converted:
            told += self.say("；自然日按周折算", "; calendar days turned into working days by the week")
        if duration.unknown and duration.most_days:
            without = self.ids(duration.unknown)
            told += self.say(f"；{without} 未公布时限，未计入", f"; not counted, as no time is published: {without}")
        return told

    def fallback(self) -> str:
        """What holds where no legal time is known; empty when all are."""
        if not self.guide.legal.unknown:
            return ""
        return self.say(
            "未公布法定时限的事项，按《行政许可法》第42条第1款的 20 个工作日计时。",
            "Items without a published legal time are held to 20 working days (Administrative Licensing Law, art. 42"
            " para. 1).",
        )

    def trust(self) -> list[tuple[str, str]]:
        """How far to trust which groups of fields: each grade with its groups."""
        told: list[tuple[str, str]] = []
        for grade, called in GRADES.items():
            groups = [GROUPS[group] for group, evidence in self.guide.evidence.items() if evidence.grade == grade]
            if groups:
                told.append((self.pick(called), self.listed(groups)))
        return told

    def basis(self) -> list[tuple[str, str]]:
        """Each article with the items that rest on it."""
        found: dict[str, list[str]] = {}
        for step in sorted(self.guide.steps, key=lambda step: step.item_id):
            for basis in step.basis:
                found.setdefault(self.pick(basis), []).append(step.item_id)
        return [(article, self.ids(item_ids)) for article, item_ids in found.items()]
