"""What the demo says, in Chinese with English (LANG=zh…) or in English with the Chinese terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from onematter.common.v1.actor_pb2 import Level
from onematter.common.v1.names_pb2 import LocalizedText
from onematter.intake.v1.intake_events_pb2 import Item
from onematter.local.demo import board
from onematter.local.demo.board import Happening
from onematter.local.demo.script import DEPARTMENTS, DIVISIONS, Matter
from onematter.notification.v1.notification_events_pb2 import NoticeKind

CHINESE = "zh-CN"

_LEVELS: dict[int, tuple[str, str]] = {
    Level.LEVEL_PROVINCE: ("省", "province"),
    Level.LEVEL_CITY: ("市", "city"),
    Level.LEVEL_COUNTY: ("县", "county"),
}
_STATUSES = {
    board.WAITING: ("等待", "waiting"),
    board.SENT: ("分发", "sent"),
    board.OPEN: ("待办", "open"),
    board.CLAIMED: ("签收", "claimed"),
    board.GRANTED: ("准予", "granted"),
    board.DENIED: ("不予", "denied"),
    board.VISITED: ("一同勘验", "one site visit for all, recorded by"),
    board.BY_RULE: ("秒批", "by rule"),
    board.CLOSED: ("终结", "closed"),
}
_KINDS: dict[int, tuple[str, str]] = {
    NoticeKind.NOTICE_KIND_ACCEPTED: ("受理通知", "accepted"),
    NoticeKind.NOTICE_KIND_PROGRESS: ("进度告知", "progress"),
    NoticeKind.NOTICE_KIND_RESULT: ("结果告知", "result"),
    NoticeKind.NOTICE_KIND_RECEIVED: ("收件凭证", "received"),
    NoticeKind.NOTICE_KIND_DELIVERED: ("送达", "delivered"),
    NoticeKind.NOTICE_KIND_SHARING: ("共享未果", "not shared"),
}


@dataclass(frozen=True)
class Words:
    """The words of one language, zh-CN or en."""

    language: str

    def pick(self, chinese: str, english: str) -> str:
        """The one text of the two."""
        return chinese if self.language == CHINESE else english

    def both(self, chinese: str, english: str) -> str:
        """Both texts, that of the language first."""
        return f"{chinese} {english}" if self.language == CHINESE else f"{english} {chinese}"

    def name(self, text: LocalizedText) -> str:
        """A name in both languages."""
        return self.both(text.texts[CHINESE], text.texts["en"])

    def level(self, level: int) -> str:
        """A level in both languages."""
        return self.both(*_LEVELS[level])

    def status(self, status: str) -> str:
        """How an item stands, in one language: it stands often."""
        return self.pick(*_STATUSES[status])

    def legend(self) -> str:
        """What the statuses are called in the other language."""
        shown = (board.OPEN, board.CLAIMED, board.GRANTED, board.BY_RULE)
        return " | ".join(self.both(*_STATUSES[status]) for status in shown)

    def kind(self, kind: int) -> str:
        """What a notice tells."""
        pair = _KINDS.get(kind)
        return self.both(*pair) if pair else str(kind)

    def place(self, item: Item) -> str:
        """Level, division and department of an item."""
        return f"{self.level(item.level)} {self.division(item.division)} {self.department(item.department)}"

    def division(self, code: str) -> str:
        """A division by its name; one that the demo does not know by its code."""
        return self.pick(*DIVISIONS.get(code, (code, code)))

    def department(self, code: str) -> str:
        """A department by its name; one that the demo does not know by its code."""
        return self.pick(*DEPARTMENTS.get(code, (code, code)))

    def short(self, matter: Matter, item: Item) -> str:
        """An item for a row on the screen: its number and a name."""
        base, _, division = item.item_id.partition("@")
        name = self.pick(item.name.texts[CHINESE], matter.english(item.item_id))
        return f"{base} {name} {self.division(division)}" if division else f"{base} {name}"

    def line(self, matter_code: str, happening: Happening) -> str:
        """A happening as one line."""
        return f"{matter_code} {self._said(happening)}"

    def _said(self, happening: Happening) -> str:
        if happening.item is not None:
            item = happening.item
            verb = self.pick(*_STATUSES[happening.kind])
            return f"{self.place(item)}: {verb} {item.item_id} {self.name(item.name)}"
        match happening.kind:
            case board.RECEIVED:
                return self.both("收件，待窗口受理", "received, to be accepted at the window")
            case board.ACCEPTED:
                return self.both("受理", "accepted")
            case board.TOGETHER:
                return self.both("省、市、县三级同时在办", "province, city and county stand open at one moment")
            case board.COMPLETED:
                return self.both("综合出件，办结", "joined: the one result is issued")
            case board.NOTICE if happening.notice is not None:
                notice = happening.notice.notice
                about = notice.parameters.get("item_name", "")
                return f"{self.both('告知已送达', 'notice sent')}: {self.kind(notice.kind)} {about}".rstrip()
            case _:
                return happening.kind


def clock(now: datetime) -> str:
    """A time of day to the hundredth of a second."""
    return f"{now:%H:%M:%S}.{now.microsecond // 10_000:02}"
