"""A runner whose disk fills up begins no more tasks, says so, and goes on by itself once there is room again."""

from dataclasses import dataclass, field
from pathlib import Path

from errand.v1 import task_pb2
from tests.integration.scheduling import Stack, new_task
from tests.integration.whole_runner import runner

BEAT_S = 0.5


@dataclass
class Disk:
    """As free as the test says. `looked_at` are the paths whose disks were asked for."""

    free: int
    looked_at: set[Path] = field(default_factory=set)

    def __call__(self, path: Path) -> int:
        self.looked_at.add(path)
        return self.free


async def test_a_task_waits_with_words_and_goes_on_when_there_is_room(
    running: Stack, state_dir: Path, sandbox_image: str
) -> None:
    disk = Disk(free=1 << 29)
    person, task = await new_task(running)
    watch = person.watch(task.task_id)
    async with runner(running, state_dir, sandbox_image, disk) as engine:
        while "local has too little room on its disk" not in (waits := await person.task(task.task_id)).status_reason:
            await watch.next()
        disk.free = 1 << 40
        went_on = await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)
        engines_own = (await engine.facts()).root_dir
    watch.cancel()

    assert not waits.container_id, "it was not begun"
    assert went_on.container_id
    assert disk.looked_at == {state_dir, engines_own}
