"""The sentences of a guide on how a matter is handled, from acceptance to what one can do against a denial."""

from __future__ import annotations

from onematter.law.clock import ACCEPTANCE, DELIVERY, JOINT_DECISION, OPINION
from onematter.law.guide import Step
from onematter.law.guide_handling import Asked
from onematter.law.guide_speaker import Speaker
from onematter.law.remedies import (
    LITIGATION_BASIS,
    LITIGATION_MONTHS,
    RECONSIDERATION_BASIS,
    RECONSIDERATION_DAYS,
)
from onematter.law.words import CROSS_REGION_MODES, DELIVERY_WAYS, days, years


class HandlingWords(Speaker):
    """Says how the matter of a guide is handled."""

    def handling(self) -> list[tuple[str, str]]:
        """What happens with a hand-in, each with its heading."""
        told = [(self.say("受理", "Acceptance"), self.acceptance())]
        if self.guide.handling.is_joint:
            told.append((self.say("联合办理", "Joint handling"), self.joint()))
        if self.guide.handling.cross_region:
            told.append((self.say("跨省通办", "From another region"), self.cross_region()))
        told += [
            (self.say("送达", "Delivery"), self.delivery()),
            (self.say("不服决定", "Against a decision"), self.remedies()),
        ]
        return told

    def acceptance(self) -> str:
        """Who accepts a hand-in, and within which time."""
        limit, article = ACCEPTANCE.days, self.pick(ACCEPTANCE.basis)
        if self.guide.handling.acceptance == "rule":
            return self.say(
                "材料齐全、符合法定形式的，提交后由系统即时受理；需要补正的，一次性告知全部内容。",
                "Accepted at once by the system when it is complete and in legal form; else everything that is missing"
                " is told at once.",
            )
        return self.say(
            f"窗口人员在 {limit} 个工作日内受理，或者一次性告知全部补正内容；逾期不告知的，自收到材料之日起即为受理"
            f"（{article}）。",
            f"A clerk at the window accepts it within {limit} working days, or tells everything that is missing at"
            f" once. If he does neither, it is accepted as of the day on which it was received ({article}).",
        )

    def joint(self) -> str:
        """The legal time of joint handling."""
        limit, article = JOINT_DECISION.days, self.pick(JOINT_DECISION.basis)
        return self.say(
            f"各部门联合办理，全程法定时限 {limit} 个工作日（{article}）。",
            f"The departments handle it jointly; the law gives the whole {limit} working days ({article}).",
        )

    def cross_region(self) -> str:
        """In which modes it can be handled from another region."""
        modes = self.listed([CROSS_REGION_MODES[mode] for mode in self.guide.handling.cross_region])
        return self.say(f"可以异地申请：{modes}。", f"It can be applied for elsewhere: {modes}.")

    def delivery(self) -> str:
        """How and when results come to the applicant."""
        ways = self.pick_one_of([self.pick(DELIVERY_WAYS[way]) for way in self.guide.handling.delivery])
        limit, article = DELIVERY.days, self.pick(DELIVERY.basis)
        return self.say(
            f"作出决定之日起 {limit} 个工作日内颁发、送达（{article}）：{ways}。",
            f"Within {limit} working days of the decision ({article}): {ways}.",
        )

    def remedies(self) -> str:
        """What the applicant can do against a decision."""
        reconsideration, litigation = self.pick(RECONSIDERATION_BASIS), self.pick(LITIGATION_BASIS)
        return self.say(
            f"不予许可的，决定书写明理由和依据。不服的，可以自知道决定之日起 {RECONSIDERATION_DAYS} 日内申请行政复议"
            f"（{reconsideration}），或者在 {LITIGATION_MONTHS} 个月内提起行政诉讼（{litigation}）；"
            "法律另有规定的除外。",
            f"A denial gives its reasons and articles. Against it you may ask for reconsideration within"
            f" {RECONSIDERATION_DAYS} days of knowing it ({reconsideration}), or go to court within {LITIGATION_MONTHS}"
            f" months ({litigation}), unless another law provides otherwise.",
        )

    def pick_one_of(self, ways: list[str]) -> str:
        """Several ways of which one is chosen."""
        if len(ways) == 1:
            return ways[0]
        return f"{self.say('、', ', ').join(ways[:-1])}{self.say('或', ' or ')}{ways[-1]}"

    def whole_times(self) -> list[tuple[str, str]]:
        """The times promised for the whole by situation: each situation with its time, in the order of trial."""
        told: list[tuple[str, str]] = []
        for total in self.guide.handling.totals:
            when = self.say("视情形", "in some situations") if total.when is None else self.pick(total.when)
            told.append((when, self.pick(days(total.days))))
        rest = self.guide.handling.promised_days
        if told and rest is not None:
            told.append((self.say("其他情形", "otherwise"), self.pick(days(rest))))
        return told

    def step_handling(self, step: Step) -> list[str]:
        """How an item is handled where it is not the usual way, each in a sentence."""
        told: list[str] = []
        if step.asked is not None:
            told.append(self._asked(step.asked) + self.mark(step, "opinions"))
        if step.has_pledge:
            told.append(
                self.say(
                    "可告知承诺：凭书面承诺作出决定，事后核查，承诺不实的撤销决定并记入信用记录",
                    "may be pledged: decided on your written pledge and verified afterwards; if it is false, the grant"
                    " is revoked and put on your credit record",
                )
                + self.mark(step, "pledge")
            )
        if step.ends_matter:
            told.append(
                self.say("不予许可的，整件事终止", "if it is denied, the whole matter ends") + self.mark(step, "denial")
            )
        if step.validity_years is not None:
            validity = self.pick(years(step.validity_years))
            told.append(self.say(f"有效期 {validity}", f"valid for {validity}") + self.mark(step, "validity"))
        if step.supervised_by is not None:
            by = self.pick(step.supervised_by)
            told.append(
                self.say(f"办成后由{by}监管", f"supervised by {by} afterwards") + self.mark(step, "supervision")
            )
        return told

    def _asked(self, asked: Asked) -> str:
        departments = self.listed(asked.departments)
        told = self.say(
            f"征求{departments}意见，{OPINION.days} 个工作日内答复",
            f"{departments} {'is' if len(asked.departments) == 1 else 'are'} asked for an opinion, to be given within"
            f" {OPINION.days} working days",
        )
        if len(asked.departments) > 1 and asked.quorum:
            told += self.say(f"，至少 {asked.quorum} 家同意", f"; {asked.quorum} of them have to consent")
        if asked.has_veto:
            told += self.say("；有不同意的，不予许可", "; a refusal forbids the grant")
        return told
