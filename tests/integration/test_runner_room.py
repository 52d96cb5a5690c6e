"""A runner whose disk fills up begins no more tasks, says so, and goes on by itself once there is room again."""

from dataclasses import dataclass, field
from pathlib import Path

from errand.v1 import task_pb2
from tests.integration.scheduling import Stack, new_task
from tests.integration.whole_runner import runner


@dataclass
class Disk:
    """As free as the test says. `looked_at` are the paths whose disks were asked for."""

    free: int
    looked_at: set[Path] = field(default_factory=set)

    def __call__(self, path: Path) -> int:
        self.looked_at.add(path)
        return self.free


async def test_a_task_fails_with_words_and_goes_on_when_there_is_room(
    running: Stack, state_dir: Path, sandbox_image: str
) -> None:
    disk = Disk(free=1 << 29)
    person, task = await new_task(running)
    async with runner(running, state_dir, sandbox_image, disk) as engine:
        failed = await person.until_status(task.task_id, task_pb2.TASK_STATUS_FAILED)
        disk.free = 1 << 40
        await person.add_input(task.task_id, "Run: true")
        went_on = await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)
        engines_own = (await engine.facts()).root_dir

    assert failed.failure_reason == task_pb2.FAILURE_REASON_DISK
    assert failed.status_reason == (
        f"the disk of {state_dir} is nearly full: 512.0 MiB are free, ERRAND_MIN_FREE_BYTES asks for 1.0 GiB;"
        " free some (`docker system df` tells what Docker holds) or lower ERRAND_MIN_FREE_BYTES, then send the task on"
    )
    assert not failed.container_id, "it was not begun"
    assert went_on.container_id
    assert disk.looked_at == {state_dir, engines_own}
