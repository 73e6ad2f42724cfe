"""The words of refusals that operators meet, by the rules of `reason_texts`."""

from __future__ import annotations

from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.reason_texts_handling import Texts

OPERATING_TEXTS: dict[int, Texts] = {
    Reason.REASON_RECORD_NOT_WAITING: (
        (
            "这条记录不在等待处理[：{became}][（操作 {operation}）]。",
            "请用 onematter dead-letters list 查看等待的记录；不属于任何流的记录不能重放，只能由发送方重新发送。",
        ),
        (
            "This record does not wait[: it was {became}][ by operation {operation}].",
            "See what waits with `onematter dead-letters list`; what stands in no stream is not replayed, its sender"
            " sends it again.",
        ),
    ),
    Reason.REASON_RECORD_NOT_FIRST: (
        ("这条记录之前还有等待的记录[：首条为 {first}]。", "请先处理该流的首条记录；其后的记录会依次重放。"),
        (
            "Another record of the stream waits before it[: the first is {first}].",
            "Name the first one; those behind it are replayed in their order.",
        ),
    ),
    Reason.REASON_NOTHING_TO_RETRY: (
        ("该办件在此没有等待重试的内容。", "请用 onematter matter explain 查看它在等待什么。"),
        (
            "Nothing of the matter waits to be tried again here.",
            "See what it waits for with `onematter matter explain`.",
        ),
    ),
}
