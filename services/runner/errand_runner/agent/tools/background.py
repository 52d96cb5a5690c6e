"""Commands in the background: started, looked after, waited for, ended."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic

from errand_common.tasks import until_one_ends
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools.definitions import BashOutputInput, KillInput, WaitInput
from errand_runner.agent.tools.job import Job
from errand_runner.agent.tools.outcome import Outcome, Refused
from errand_runner.agent.tools.output import Digest
from errand_runner.sandbox.answers import Exit, JobState
from errand_runner.sandbox.hits import Hit
from errand_runner.sandbox.strain import Strain
from errand_runner.sandbox.supervisor import FileError, Supervisor

GRACE_S = 2.0

# One that cannot start well says so, or ends, within it; a server says where it listens.
_FIRST_WORDS_S = 1.0
_KILLED_S = 10.0
_ID_CHARS = 8


async def nobody_steers() -> None:
    """Waits for a person who never writes."""
    await asyncio.Event().wait()


class Background:
    """Those of one sandbox, by the names that Claude has for them. What cannot be is FileError or Refused."""

    def __init__(
        self,
        supervisor: Supervisor,
        redactor: Redactor,
        *,
        strain: Strain,
        asides: Callable[[], Sequence[str]],
        steered: Callable[[], Awaitable[None]],
    ) -> None:
        """`asides` and `steered` are as for the toolbox."""
        self._jobs = supervisor.background
        self._redactor, self._strain, self._asides, self._steered = redactor, strain, asides, steered
        self._by_name: dict[str, Job] = {}

    async def start(
        self, command: str, *, tool_use_id: str, folder: str, env: Mapping[str, str], output_folder: str
    ) -> Outcome:
        """Starts one, and gives its first words. Its name is the call's, which no other of the task has: what was
        started in another sandbox is not taken for it."""
        argv = ["bash", "-c", command]
        number = await self._jobs.start(argv, cwd=folder, env=env, folder=output_folder)
        name = f"bg_{tool_use_id[-_ID_CHARS:]}"
        job = Job(self._jobs, name=name, number=number, redactor=self._redactor)
        self._by_name[job.name] = job
        await job.runs(after_s=_FIRST_WORDS_S, unless_more=True)
        return await self._told(job)

    async def output(self, given: BashOutputInput) -> Outcome:
        """What is new, after a while if need be."""
        return await self._after(self._job(given.id), given.wait_s, unless_more=True)

    async def wait(self, given: WaitInput) -> Outcome:
        """Until the time is over, the command has ended, or the person writes."""
        if given.id is not None:
            return await self._after(self._job(given.id), given.seconds)
        written = await self._unless_steered(asyncio.sleep(given.seconds))
        running = await self.running()
        return Outcome("\n".join([written or f"Waited {given.seconds} s.", *(f"[{words}]" for words in running)]))

    async def kill(self, given: KillInput) -> Outcome:
        """Asks it to end, and ends it."""
        job = self._job(given.id)
        await self._end([job])
        return await self._told(job)

    async def running(self) -> list[str]:
        """A word on those that still run, if any."""
        names = [job.name for job in await self._alive()]
        return [f"background processes still running: {len(names)} ({', '.join(names)})"] if names else []

    async def end_all(self) -> None:
        """Ends those that still run, together."""
        await self._end(await self._alive())

    async def _after(self, job: Job, seconds: float, *, unless_more: bool = False) -> Outcome:
        written = await self._unless_steered(job.runs(after_s=seconds, unless_more=unless_more))
        return await self._told(job, written)

    async def _unless_steered(self, waiting: Awaitable[object]) -> str:
        """Waits, or says why it stopped waiting."""
        done = False

        async def wait() -> None:
            nonlocal done
            await waiting
            done = True

        async def steered() -> None:
            await self._steered()

        await until_one_ends(wait(), steered())
        return "" if done else "The person wrote meanwhile."

    async def _end(self, jobs: Sequence[Job]) -> None:
        for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, _KILLED_S)):
            for job in jobs:
                with suppress(FileError):
                    # It has ended.
                    await self._jobs.send_signal(job.number, number)
            until_s = monotonic() + patience_s
            jobs = [job for job in jobs if await job.runs(after_s=max(0.0, until_s - monotonic()))]

    async def _alive(self) -> list[Job]:
        believed = [job for job in self._by_name.values() if not job.over]
        if not believed:
            return []
        running = {state.job for state in await self._jobs.jobs() if state.running}
        return [job for job in believed if job.number in running]

    async def _told(self, job: Job, aside: str = "") -> Outcome:
        digest, hits, was_over = Digest(), list[Hit](), job.over
        state = await job.read(digest)
        if job.over and not was_over:
            hits = await self._strain.after(_exit_of(state), digest.text())
        said = digest.text(state.output).rstrip() or "(no new output)"
        words = [f"{job.name} {_standing(state)}", *(hit.words for hit in hits), *self._asides(), aside]
        lines = [said, *(f"[{each}]" for each in words if each)]
        return Outcome("\n".join(lines), dropped_bytes=digest.dropped_bytes, hits=hits)

    def _job(self, name: str) -> Job:
        if name not in self._by_name:
            known = ", ".join(self._by_name) or "none"
            raise Refused(
                f"No command {name} runs. What was in the background has ended if your turn did, the sandbox was "
                f"opened anew or the runner restarted since; start it again if you need it. Known here: {known}."
            )
        return self._by_name[name]


def _exit_of(state: JobState) -> Exit:
    return Exit(state.code, state.signal, timed_out=state.timed_out, duration_s=state.duration_s)


def _standing(state: JobState) -> str:
    if state.running:
        return f"has run in the background for {state.duration_s:.1f} s"
    end = f"exit code {state.code}" if state.signal is None else f"killed by signal {state.signal}"
    return f"has ended: {end} after {state.duration_s:.1f} s"
