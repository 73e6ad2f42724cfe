"""However often the channel fails and the process dies, each notice stands there once, with the same content."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.notification.cases import (
    OPENED,
    WITHDRAWN,
    Notification,
    Wire,
    accepted,
    completed,
    concluded,
    record,
    rows_in,
)

from onematter.backbone.ports import Unavailable
from onematter.notification import core
from onematter.notification.channel import Addressee, Letter
from onematter.notification.file_channel import FileChannel, content_of
from onematter.notification.v1.notification_events_pb2 import Notice
from onematter.notification.v1.notification_state_pb2 import NoticeStatus

CONTENTS = st.sampled_from([OPENED, WITHDRAWN, concluded(), concluded(automatic=True)])


ANSWERS = st.sampled_from(["good", "lost", "taken"])


class Unsteady:
    """A file channel of which a letter or a flush fails, before it has its effect or after it, as it is told."""

    name = "file"

    def __init__(self, path: Path, answers: list[str], flushes: list[str]) -> None:
        self.path, self.answers, self.flushes = path, answers, flushes
        self.file = FileChannel(path)

    def deliver(self, letter: Letter) -> str:
        answer = self.answers.pop() if self.answers else "good"
        if answer == "lost":
            return "ETIMEDOUT: Connection timed out"
        failure = self.file.deliver(letter)
        return "ETIMEDOUT: Connection timed out" if answer == "taken" else failure

    def flush(self) -> None:
        answer = self.flushes.pop() if self.flushes else "good"
        if answer == "lost":
            self.crash()
            raise Unavailable("killed before")
        self.file.flush()
        if answer == "taken":
            self.crash()
            raise Unavailable("killed after")

    def close(self) -> None:
        self.file.close()

    def crash(self) -> None:
        """What is not flushed is gone."""
        self.file.close()
        self.file = FileChannel(self.path)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(CONTENTS, max_size=4),
    st.lists(ANSWERS, max_size=12),
    st.lists(ANSWERS, max_size=12),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_each_notice_stands_there_once(between: list[Any], answers: list[str], flushes: list[str], crashes: list[bool]):
    contents = [accepted(), *between, completed()]
    calm = Wire()
    Notification(calm).tell(*contents)
    with tempfile.TemporaryDirectory() as name:
        channel = Unsteady(Path(name) / "notices.db", answers, flushes)
        with closing(channel):
            notification = Notification(channel)
            for sequence, (content, crash) in enumerate(zip(contents, crashes, strict=False), 1):
                if crash:
                    # Everything but the file is lost, and the same records come again.
                    channel.crash()
                    notification = Notification(channel)
                    notification.take(*(record(n, c) for n, c in enumerate(contents[:sequence], 1)))
                else:
                    notification.take(record(sequence, content))
            for _ in range(1 + len(answers)):
                for row in list(notification.timers.values()):
                    notification.fire(row)
            assert not notification.timers
            assert all(n.status == NoticeStatus.NOTICE_STATUS_DELIVERED for n in notification.state.notices)
            rows = rows_in(channel.path)
        assert sorted(notice_id for _, notice_id, _ in rows) == sorted(calm.taken)
        assert {notice_id: (d["subject"], d["body"], d["time"]) for _, notice_id, d in rows} == {
            notice_id: (letter.subject, letter.body, letter.time) for notice_id, letter in calm.taken.items()
        }


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(TEXTS, min_size=9, max_size=9), st.lists(st.tuples(TEXTS, TEXTS | st.none(), TEXTS | st.none())))
def test_every_text_stands_in_the_document_as_it_is(
    texts: list[str], addressees: list[tuple[str, str | None, str | None]]
):
    notice_id, matter_id, number, language, subject, body, writer, topic, time = texts
    notice = Notice(notice_id=notice_id, matter_number=number, language=language)
    notice.kind = 99  # type: ignore[assignment]
    notice.about.writer, notice.about.topic, notice.about.sequence = writer, topic, 2**53
    letter = Letter(notice, matter_id, tuple(Addressee(*one) for one in addressees), subject, body, time)
    assert json.loads(content_of(letter)) == {
        "notice_id": notice_id, "kind": "99", "matter_id": matter_id, "matter_number": number, "language": language,
        "addressees": [{"party_id": p, "name": n, "mobile": m} for p, n, m in addressees],
        "subject": subject, "body": body, "about": {"writer": writer, "topic": topic, "sequence": 2**53}, "time": time,
    }  # fmt: skip


@given(st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.integers(1, 2**40)), st.data())
def test_places_have_their_own_notice_ids(place: tuple[str, str, str, int], data: st.DataObject):
    other = data.draw(
        st.one_of(
            st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.integers(1, 2**40)),
            st.just((place[0] + place[1], "", place[2], place[3])),
        )
    )
    assert (core.notice_id_of(*place) == core.notice_id_of(*other)) == (place == other)


@given(st.integers(1, 10**6))
def test_delays_never_shrink_and_never_pass_an_hour(attempts: int):
    assert 1 <= core.delay_seconds(attempts) <= core.delay_seconds(attempts + 1) <= 3600
