"""`errand-scheduler`: reads its settings, serves until it is told to stop."""

import asyncio
import sys

from errand_common import garbage
from errand_common.clock import Clock
from errand_common.service import Command, FileCommand, Service
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.healthy import healthy
from errand_scheduler.keeping.backup_command import write_backup
from errand_scheduler.keeping.restore_command import restore
from errand_scheduler.keeping.rotation import rotate_keys
from errand_scheduler.link import print_link
from errand_scheduler.server import scheduler


async def _serve(settings: SchedulerSettings, stop: asyncio.Event) -> None:
    async with scheduler(settings, Clock()):
        garbage.look_rarely()
        await stop.wait()


def main() -> None:
    """The command's entry."""
    # Between the loop and the writer's thread the interpreter switches every 5 ms by itself: too slow for small groups.
    sys.setswitchinterval(0.0005)
    commands = (
        Command("healthy", "exit 0 when the running scheduler answers, else 1", healthy),
        Command("link", "print where Errand is and a link that signs a person in, once", print_link),
        Command("rotate-keys", "seal all that is sealed anew, with a new key; nothing may run", rotate_keys),
        FileCommand("backup", "write everything that the running scheduler keeps to FILE", write_backup),
        FileCommand("restore", "put what FILE holds in the place of the data folder's; nothing may run", restore),
    )
    Service("scheduler", SchedulerSettings, _serve, commands).main()


if __name__ == "__main__":
    main()
