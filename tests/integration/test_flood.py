"""Under work whose disk runs full: everything stands still and says why, room is made, and the others go on."""

from pathlib import Path

import docker
from docker.errors import NotFound

from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_runner.book import Book
from tests.integration.scheduling import Stack, new_task
from tests.integration.whole_runner import runner, until_it_runs, until_told

LOW, HIGH = 100 << 20, 1 << 40
WAITS = "touch on; while [ ! -e go ]; do sleep 0.1; done; echo over"


async def test_work_stands_still_at_the_mark_and_goes_on_with_room(
    running: Stack, state_dir: Path, sandbox_image: str, client: docker.DockerClient
) -> None:
    readings: list[int] = []
    person, first = await new_task(running)
    await person.stop(first.task_id)
    async with runner(running, state_dir, sandbox_image, lambda _: readings.pop() if readings else HIGH):
        task = await person.create(first.project_id, f"Run: cd /workspace; {WAITS}")
        name = await until_it_runs(client, person, task.task_id)
        # One look: of the data folder's disk, and of the engine's.
        readings[:] = [LOW, LOW]
        frozen = await until_told(person, task.task_id, "attempt_frozen")
        thawed = await until_told(person, task.task_id, "attempt_thawed")
        client.containers.get(name).exec_run(["touch", "/workspace/go"])
        await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)

    assert frozen.attempt_frozen.reason == (
        "the disk of its host is nearly full (100.0 MiB are free); it goes on once there is room"
    )
    assert thawed.attempt_thawed.frozen_duration.ToMilliseconds() > 0


async def test_who_wrote_most_is_ended_with_words_and_the_other_goes_on(
    running: Stack, state_dir: Path, sandbox_image: str, client: docker.DockerClient
) -> None:
    def free(_: Path) -> int:
        """Low from when the flood began until the workspace of the one that wrote most is gone."""
        return LOW if flooded and there(flooded[0]) else HIGH

    def there(volume: str) -> bool:
        try:
            return bool(client.volumes.get(volume))
        except NotFound:
            return False

    flooded: list[str] = []
    person, first = await new_task(running)
    await person.stop(first.task_id)
    async with runner(running, state_dir, sandbox_image, free):
        modest = await person.create(first.project_id, f"Run: cd /workspace; {WAITS}")
        greedy = await person.create(
            first.project_id, "Run: cd /workspace; head -c 30000000 /dev/zero > flood; touch on; sleep 600"
        )
        names = [await until_it_runs(client, person, task.task_id) for task in (greedy, modest)]
        holding = Book(state_dir / "workspaces", Clock()).of(greedy.task_id)
        assert holding is not None
        flooded.append(holding.workspace_id)
        await until_told(person, modest.task_id, "attempt_frozen")
        assert client.containers.get(names[1]).status == "paused"
        failed = await person.until_status(greedy.task_id, task_pb2.TASK_STATUS_FAILED)
        await until_told(person, modest.task_id, "attempt_thawed")
        client.containers.get(names[1]).exec_run(["touch", "/workspace/go"])
        await person.until_status(modest.task_id, task_pb2.TASK_STATUS_COMPLETED)

    assert failed.failure_reason == task_pb2.FAILURE_REASON_DISK
    assert "the disk of its host ran full, and this task had written most (28." in failed.status_reason
    assert not there(flooded[0])
