"""What `helm test` hands in is a matter that the services of its story can finish, by what the test's program does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chart.rendering import STORIES, example, named, topics_toml
from tests.stories import people
from tests.stories.world import World

from onematter.approval.v1.approval_state_pb2 import TaskStatus
from onematter.client import submission
from onematter.client.messages import PartyInput, actor_of, application_of, submit_command
from onematter.contracts import topics
from onematter.intake.v1.intake_state_pb2 import MatterStatus


@pytest.fixture(params=STORIES)
def story(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A story, with its own topics table in force."""
    table = tmp_path / "topics.toml"
    table.write_text(topics_toml(example(request.param)), encoding="utf-8")
    monkeypatch.setenv("ONEMATTER_TOPICS", str(table))
    topics.table.cache_clear()
    yield request.param
    topics.table.cache_clear()


def test_the_matter_of_the_test_comes_to_its_end(story: str, tmp_path: Path) -> None:
    text = named(example(story), "ConfigMap", "test")["data"]["submission.json"]
    form = submission.read(text, tmp_path)
    assert json.loads(text)["channel"] == "system"
    application = application_of(form.facts, form.materials, form.parties or (PartyInput(name="helm-test"),))
    actor = actor_of("helm-test", "system")
    command = submit_command(actor, "r", form.matter_code, form.division, application, channel=form.channel)
    world = World()
    outcome = world.send(topics.SUBMISSIONS, command.matter_id, command)
    assert not outcome.HasField("refused"), outcome
    for _ in range(20):
        if world.state(command.matter_id).status == MatterStatus.MATTER_STATUS_COMPLETED:
            break
        for item_id, task in world.tasks(command.matter_id).items():
            if task.status in (TaskStatus.TASK_STATUS_OPEN, TaskStatus.TASK_STATUS_CLAIMED):
                people.official(world, command.matter_id, item_id).grant()
        world.settle()
    assert world.state(command.matter_id).status == MatterStatus.MATTER_STATUS_COMPLETED
    assert world.case_file(command.matter_id).HasField("seal")
