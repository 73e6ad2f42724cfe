"""However often the channel fails and the process dies, each notice stands there once, with the same content."""

from __future__ import annotations

import tempfile
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
    files_in,
    read,
    record,
)

from onematter.notification import core
from onematter.notification.channel import FileChannel, Letter
from onematter.notification.v1.notification_state_pb2 import NoticeStatus

CONTENTS = st.sampled_from([OPENED, WITHDRAWN, concluded(), concluded(automatic=True)])


class Unsteady:
    """A file channel that fails, or takes the letter and answers that it failed, as it is told."""

    name = "file"

    def __init__(self, directory: Path, answers: list[str]) -> None:
        self.files = FileChannel(directory)
        self.answers = answers

    def deliver(self, letter: Letter) -> str:
        answer = self.answers.pop() if self.answers else "good"
        if answer == "lost":
            return "ETIMEDOUT: Connection timed out"
        failure = self.files.deliver(letter)
        return "ETIMEDOUT: Connection timed out" if answer == "taken" else failure


@settings(max_examples=60)
@given(
    st.lists(CONTENTS, max_size=4),
    st.lists(st.sampled_from(["good", "lost", "taken"]), max_size=12),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_each_notice_stands_there_once(between: list[Any], answers: list[str], crashes: list[bool]):
    contents = [accepted(), *between, completed()]
    calm = Wire()
    Notification(calm).tell(*contents)
    with tempfile.TemporaryDirectory() as name:
        channel = Unsteady(Path(name), answers)
        notification = Notification(channel)
        for sequence, (content, crash) in enumerate(zip(contents, crashes, strict=False), 1):
            if crash:
                # Everything but the channel is lost, and the same records come again.
                notification = Notification(channel)
                notification.take(*(record(n, c) for n, c in enumerate(contents[:sequence], 1)))
            else:
                notification.take(record(sequence, content))
        for _ in range(1 + len(answers)):
            for row in list(notification.timers.values()):
                notification.fire(row)
        assert not notification.timers
        assert all(n.status == NoticeStatus.NOTICE_STATUS_DELIVERED for n in notification.state.notices)
        files = {path.stem: read(path) for path in files_in(Path(name))}
        assert {k: (v["subject"], v["body"], v["time"]) for k, v in files.items()} == {
            k: (letter.subject, letter.body, letter.time) for k, letter in calm.taken.items()
        }


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
