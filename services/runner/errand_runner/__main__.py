"""`errand-runner`: reads its settings, sees to its host, works until it is told to stop."""

import asyncio

from errand_common.service import ArgumentsCommand, Command, EarlyCommand, Service
from errand_common.tasks import until_one_ends
from errand_runner.config import HostSettings, RunnerSettings
from errand_runner.doctor.examination import doctor
from errand_runner.host import ready_host
from errand_runner.join import add_join_arguments, join
from errand_runner.leave import add_leave_arguments, leave
from errand_runner.presence import healthy


def main() -> None:
    """The command's entry."""
    commands = (
        Command("healthy", "exit 0 while the running runner has a session with the scheduler, else 1", healthy),
        ArgumentsCommand(
            "join", "make this host a runner, by the token that an operator made, and work", add_join_arguments, join
        ),
        ArgumentsCommand(
            "leave", "have this host leave for good; ends once it has nothing any more", add_leave_arguments, leave
        ),
        EarlyCommand(
            "doctor", "try every wall of a sandbox on this host; exit 1 where one is missing", HostSettings, doctor
        ),
    )
    Service("runner", RunnerSettings, _run, commands).main()


async def _run(settings: RunnerSettings, stop: asyncio.Event) -> None:
    async with ready_host(settings) as host:
        # Claude's SDK takes a second to import: a start that is refused and `healthy` should not wait for it.
        from errand_runner.serving import serve

        await until_one_ends(stop.wait(), serve(settings, host))


if __name__ == "__main__":
    main()
