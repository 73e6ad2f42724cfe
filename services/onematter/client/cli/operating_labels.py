"""Words for what operators do and meet, per language: (zh-CN, en)."""

from __future__ import annotations

from onematter.backbone.v1 import operations_service_pb2 as pb
from onematter.client.cli.app import App
from onematter.client.findings import place_text
from onematter.contracts.reasons import text

_LETTER = {
    pb.DeadLetterStatus.DEAD_LETTER_STATUS_PARKED: ("等待", "parked"),
    pb.DeadLetterStatus.DEAD_LETTER_STATUS_SET_ASIDE: ("已搁置", "set aside"),
    pb.DeadLetterStatus.DEAD_LETTER_STATUS_REPLAYED: ("已重放", "replayed"),
    pb.DeadLetterStatus.DEAD_LETTER_STATUS_DUPLICATE: ("重复", "duplicate"),
    pb.DeadLetterStatus.DEAD_LETTER_STATUS_FORWARDED: ("已转发", "forwarded"),
    pb.DeadLetterStatus.DEAD_LETTER_STATUS_DROPPED: ("已放弃", "given up"),
}
_KIND = {
    pb.OperationKind.OPERATION_KIND_REPLAY: ("重放", "replay"),
    pb.OperationKind.OPERATION_KIND_DROP: ("放弃", "drop"),
    pb.OperationKind.OPERATION_KIND_RETRY: ("重试", "retry"),
    pb.OperationKind.OPERATION_KIND_READ: ("读取原文", "read"),
}


def letter(one: pb.DeadLetter, app: App) -> str:
    """How a dead letter stands."""
    pair = _LETTER.get(one.status)
    said = app.words(*pair) if pair else str(one.status)
    return said + app.words("（首条）", " (first)") if one.first else said


def kind(number: int, app: App) -> str:
    """What was asked."""
    pair = _KIND.get(number)  # type: ignore[call-overload]
    return app.words(*pair) if pair else str(number)


def outcome(operation: pb.Operation, app: App) -> str:
    """What came of an operation, in a sentence."""
    came, status = operation.outcome, operation.status
    if status == pb.OperationStatus.OPERATION_STATUS_PENDING:
        return app.words("尚未执行", "not carried out yet")
    if status == pb.OperationStatus.OPERATION_STATUS_REFUSED:
        said = [text(violation, app.language) for violation in came.refused.violations]
        return app.words("被拒绝：", "refused: ") + " ".join(f"{one.rule} {one.way_out}" for one in said)
    parts: list[str] = []
    if operation.kind == pb.OperationKind.OPERATION_KIND_READ:
        parts.append(app.words("已读取", "read"))
    if came.dropped:
        parts.append(app.words("已放弃该记录", "the record is given up"))
    for count, chinese, english in (
        (came.replayed, "重放 {} 条", "{} replayed"),
        (came.duplicates, "重复 {} 条", "{} duplicate(s)"),
        (came.set_aside, "搁置 {} 条", "{} set aside"),
        (came.forwarded, "转发 {} 条", "{} forwarded"),
    ):
        if count:
            parts.append(app.words(chinese, english).format(count))
    if came.tried_again:
        parts.append(app.words("重试：", "tried again: ") + ", ".join(came.tried_again))
    if came.HasField("stopped_at"):
        at = place_text(came.stopped_at)
        chinese = f"停在 {at}：{came.stopped_reason}；仍有 {came.still_parked} 条等待"
        parts.append(app.words(chinese, f"stopped at {at}: {came.stopped_reason}; {came.still_parked} wait"))
    elif came.stopped_reason:
        parts.append(app.words("未能执行：", "it failed: ") + came.stopped_reason)
    return app.words("；", "; ").join(parts) or app.words("没有变化", "nothing changed")
