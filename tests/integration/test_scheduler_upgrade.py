"""A scheduler serves what an older release left: people go on where they were."""

from pathlib import Path

import pytest

from errand.v1 import runner_pb2, task_pb2, task_service_pb2
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from tests.integration.scheduling import DEADLINE_S, Person, Stack, github_with_repository, stack
from tests.unit.scheduler import old_database


def signed_in_then(running: Stack) -> Person:
    """The person with the session that the older release gave them."""
    return Person(
        access_token=old_database.ACCESS_TOKEN,
        refresh_token="",
        user=task_pb2.User(user_id=old_database.USER),
        tasks=TaskServiceStub(running.channel),
        accounts=AccountServiceStub(running.channel),
    )


async def said(person: Person, task_id: str) -> list[bytes]:
    request = task_service_pb2.ListMessagesRequest(task_id=task_id)
    answer = await person.tasks.ListMessages(request, metadata=person.metadata, timeout=DEADLINE_S)
    return [message.content for message in answer.messages]


@pytest.mark.parametrize("version", [1, 2])
async def test_an_older_database_is_served(tmp_path: Path, version: int) -> None:
    (tmp_path / "data").mkdir()
    old_database.make(tmp_path / "data" / "errand.db", version)
    async with (
        github_with_repository(tmp_path / "github") as github,
        stack(tmp_path / "data", github, beat_s=5.0) as running,
    ):
        person = signed_in_then(running)
        for task_id, status in (
            (old_database.ENDED, task_pb2.TASK_STATUS_COMPLETED),
            (old_database.PENDING, task_pb2.TASK_STATUS_PENDING),
            (old_database.RUNNING, task_pb2.TASK_STATUS_RUNNING),
        ):
            assert (await person.task(task_id)).status == status
        assert [event.body.WhichOneof("kind") for event in await person.events(old_database.ENDED)] == [None, None]
        assert await said(person, old_database.ENDED) == [b'[{"type":"text","text":"hello"}]']

        runner = running.runner()
        held = runner_pb2.HeldAttempt(
            attempt=runner_pb2.AttemptRef(attempt_id=old_database.LIVE, fence=1), last_sequence=2
        )
        answer = await runner.open([held])
        assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_KEEP]
        assert (await person.stop(old_database.PENDING)).status == task_pb2.TASK_STATUS_CANCELLED
        await person.add_input(old_database.ENDED, "and one more thing")
        assert (await person.task(old_database.ENDED)).status == task_pb2.TASK_STATUS_PENDING
