"""Commands that outlive the call that started them."""

import asyncio
import shlex
import signal
from pathlib import Path

import pytest

from errand_runner.sandbox.answers import JobState
from errand_runner.sandbox.guest.background import MOST_ENDED, MOST_RUNNING
from errand_runner.sandbox.guest.kept import FILE_BYTES
from errand_runner.sandbox.guest.tail import TAIL_BYTES
from errand_runner.sandbox.supervisor import FileError, Supervisor
from tests.unit.runner.local_supervisor import local_supervisor
from tests.unit.runner.sandbox.processes import alive


async def start(supervisor: Supervisor, script: str, folder: Path, **given: float | bool) -> int:
    return await supervisor.background.start(["bash", "-c", script], cwd="/", folder=str(folder), **given)  # type: ignore[arg-type]


async def end(supervisor: Supervisor, job: int) -> JobState:
    state = await supervisor.background.wait(job, timeout_s=20)
    assert not state.running
    return state


async def said(supervisor: Supervisor, job: int, *, offset: int = 0) -> bytes:
    return (await supervisor.background.output(job, offset=offset)).data


async def first_words(supervisor: Supervisor, job: int) -> bytes:
    """Of a job that says one line and goes on."""
    async with asyncio.timeout(20):
        while not (words := await said(supervisor, job)).endswith(b"\n"):
            await asyncio.sleep(0.01)
    return words


async def test_a_job_outlives_its_call_and_is_read_later(supervisor: Supervisor, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = await start(supervisor, f"echo one; until test -e {go}; do sleep 0.01; done; echo two; exit 3", tmp_path)
    assert await first_words(supervisor, job) == b"one\n"
    assert (await supervisor.background.wait(job, timeout_s=0)).running
    go.touch()
    state = await end(supervisor, job)
    assert (state.code, state.signal) == (3, None)
    assert await said(supervisor, job, offset=4) == b"two\n"
    assert await said(supervisor, job, offset=100) == b""


async def test_a_wait_for_output_ends_with_the_first_of_it(supervisor: Supervisor, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = await start(supervisor, f"echo one; until test -e {go}; do sleep 0.01; done; echo two; sleep 300", tmp_path)
    assert (await supervisor.background.wait(job, timeout_s=20, beyond=0)).output.size_bytes == 4
    waiting = asyncio.ensure_future(supervisor.background.wait(job, timeout_s=20, beyond=4))
    assert (await supervisor.background.wait(job, timeout_s=0, beyond=4)).output.size_bytes == 4
    go.touch()
    assert (await waiting).output.size_bytes == 8


async def test_a_job_that_cannot_start_is_a_file_error(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot exec no-such in /") as refusal:
        await supervisor.background.start(["no-such"], cwd="/", folder=str(tmp_path))
    assert refusal.value.name == "ENOENT"
    assert await supervisor.background.jobs() == []


async def test_a_job_reads_what_it_is_given_until_the_end(supervisor: Supervisor, tmp_path: Path) -> None:
    job = await start(supervisor, "cat; echo done", tmp_path, with_input=True)
    await supervisor.background.give(job, b"one\n")
    await supervisor.background.give(job, b"two\n", end=True)
    assert (await end(supervisor, job)).code == 0
    assert await said(supervisor, job) == b"one\ntwo\ndone\n"
    with pytest.raises(FileError) as refusal:
        await supervisor.background.give(job, b"more")
    assert refusal.value.name == "EPIPE"


async def test_without_input_it_reads_nothing(supervisor: Supervisor, tmp_path: Path) -> None:
    job = await start(supervisor, "cat; echo done", tmp_path)
    await end(supervisor, job)
    assert await said(supervisor, job) == b"done\n"


async def give_for_ever(supervisor: Supervisor, job: int) -> None:
    """Its leader has an end of the pipe, too, and closes it in its own time."""
    async with asyncio.timeout(20):
        while True:
            await supervisor.background.give(job, b"one")


async def test_a_job_that_closed_its_stdin_takes_no_more(supervisor: Supervisor, tmp_path: Path) -> None:
    job = await start(supervisor, "exec <&-; echo closed; exec sleep 300", tmp_path, with_input=True)
    assert await first_words(supervisor, job) == b"closed\n"
    with pytest.raises(FileError) as refusal:
        await give_for_ever(supervisor, job)
    assert refusal.value.name == "EPIPE"


async def test_what_a_job_does_not_read_is_bounded(supervisor: Supervisor, tmp_path: Path) -> None:
    job = await start(supervisor, "sleep 300", tmp_path, with_input=True)
    # Beyond what lies in the pipe.
    await supervisor.background.give(job, b"x" * 500_000)
    await supervisor.background.give(job, b"x" * 500_000)
    with pytest.raises(FileError, match="has not read") as refusal:
        await supervisor.background.give(job, b"x" * 500_000)
    assert refusal.value.name == "EAGAIN"


async def test_a_signal_reaches_all_processes_of_a_job(supervisor: Supervisor, tmp_path: Path) -> None:
    child = "trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.01; done"
    # On its errors bash may tell that a sleep was terminated.
    script = f"trap : TERM; bash -c {shlex.quote(child)} 2> /dev/null & wait; wait; echo parent"
    job = await start(supervisor, script, tmp_path)
    assert await first_words(supervisor, job) == b"ready\n"
    await supervisor.background.send_signal(job, signal.SIGTERM)
    await end(supervisor, job)
    assert await said(supervisor, job) == b"ready\nchild\nparent\n"


async def test_a_signal_reaches_a_job_until_it_has_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 4' TERM; echo ready; sleep 300 & wait"
    job = await start(supervisor, script, tmp_path)
    assert await first_words(supervisor, job) == b"ready\n"
    await supervisor.background.send_signal(job, signal.SIGTERM)
    assert (await end(supervisor, job)).code == 4
    with pytest.raises(FileError) as refusal:
        await supervisor.background.send_signal(job, signal.SIGTERM)
    assert refusal.value.name == "ESRCH"


async def test_a_kill_ends_the_whole_tree(supervisor: Supervisor, tmp_path: Path) -> None:
    job = await start(supervisor, "trap '' TERM; setsid sleep 300 & echo $!; wait", tmp_path)
    pid = await first_words(supervisor, job)
    await supervisor.background.send_signal(job, signal.SIGKILL)
    assert (await end(supervisor, job)).signal == 9
    assert not alive(int(pid))


async def test_its_time_and_its_silence_are_told_apart(supervisor: Supervisor, tmp_path: Path) -> None:
    late = await start(supervisor, "while sleep 0.05; do echo x; done", tmp_path, timeout_s=0.5, silence_s=10)
    silent = await start(supervisor, "sleep 300", tmp_path, timeout_s=10, silence_s=0.3)
    states = [await end(supervisor, job) for job in (late, silent)]
    assert [(state.timed_out, state.silent) for state in states] == [(True, False), (False, True)]


async def test_jobs_are_listed_and_the_oldest_that_ended_forgotten(supervisor: Supervisor, tmp_path: Path) -> None:
    running = await start(supervisor, "sleep 300", tmp_path)
    ended = []
    for _ in range(MOST_ENDED + 1):
        ended.append(await start(supervisor, "true", tmp_path))
        await end(supervisor, ended[-1])
    found = {state.job: state.running for state in await supervisor.background.jobs()}
    assert found == {running: True} | dict.fromkeys(ended[1:], False)
    with pytest.raises(FileError) as refusal:
        await said(supervisor, ended[0])
    assert refusal.value.name == "ESRCH"


async def test_there_is_a_most_that_run(supervisor: Supervisor, tmp_path: Path) -> None:
    jobs = [await start(supervisor, "exec sleep 300", tmp_path) for _ in range(MOST_RUNNING)]
    with pytest.raises(FileError, match="end one first"):
        await start(supervisor, "true", tmp_path)
    await supervisor.background.send_signal(jobs[0], signal.SIGKILL)
    await end(supervisor, jobs[0])
    await end(supervisor, await start(supervisor, "true", tmp_path))


async def test_past_the_most_that_is_kept_the_newest_output_is_read(supervisor: Supervisor, tmp_path: Path) -> None:
    more = FILE_BYTES + (1 << 20)
    job = await start(supervisor, f"head -c {more} /dev/zero; echo end", tmp_path)
    state = await end(supervisor, job)
    assert (state.output.size_bytes, state.output.kept_bytes) == (more + 4, FILE_BYTES)
    found = await supervisor.background.output(job, offset=FILE_BYTES)
    assert found.offset == more + 4 - TAIL_BYTES
    assert (len(found.data), found.data[-4:]) == (TAIL_BYTES, b"end\n")


async def test_a_wait_that_is_cancelled_disturbs_nothing(supervisor: Supervisor, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = await start(supervisor, f"until test -e {go}; do sleep 0.01; done; exit 5", tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await supervisor.background.wait(job, timeout_s=20)
    go.touch()
    assert (await end(supervisor, job)).code == 5


async def test_jobs_in_the_background_end_with_the_supervisor(tmp_path: Path) -> None:
    async with local_supervisor(tmp_path) as supervisor:
        job = await start(supervisor, "trap '' TERM HUP; setsid sleep 300 & echo $! $$; wait", tmp_path)
        pids = await first_words(supervisor, job)
    assert not [pid for pid in pids.split() if alive(int(pid))]
