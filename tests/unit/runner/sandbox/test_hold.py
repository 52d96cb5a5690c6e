"""While a sandbox is held no time limit runs, on either end of the line; afterwards what was left of it does."""

import asyncio
from contextlib import aclosing

import pytest

from errand_runner.sandbox.answers import Chunk, Exit
from errand_runner.sandbox.running_time import RunningTime
from errand_runner.sandbox.supervisor import SandboxGone, Supervisor


async def begun(running) -> None:
    """The command said its first word."""
    assert isinstance(await anext(running), Chunk)


async def ended(running) -> Exit:
    item = [item async for item in running][-1]
    assert isinstance(item, Exit)
    return item


async def test_a_command_that_outlives_its_time_while_held_is_not_killed(supervisor: Supervisor) -> None:
    argv = ["bash", "-c", "echo begun; sleep 1.2"]
    # However long it takes to begin, its time is not up before it is held.
    await supervisor.hold()
    async with aclosing(supervisor.run(argv, cwd="/", timeout_s=0.6)) as running:
        await begun(running)
        supervisor.go_on()
        await supervisor.hold()
        end = await ended(running)
        supervisor.go_on()

    assert (end.code, end.timed_out) == (0, False)


async def test_what_was_left_of_a_commands_time_runs_afterwards(supervisor: Supervisor) -> None:
    argv, loop = ["bash", "-c", "echo begun; sleep 600"], asyncio.get_running_loop()
    began_s = loop.time()
    async with aclosing(supervisor.run(argv, cwd="/", timeout_s=0.6)) as running:
        await begun(running)
        await supervisor.hold()
        await supervisor.hold()
        held_s = loop.time()
        await asyncio.sleep(1)
        held_s = loop.time() - held_s
        supervisor.go_on()
        supervisor.go_on()
        end = await ended(running)

    assert end.timed_out
    assert 0.5 < end.duration_s < loop.time() - began_s - held_s + 0.1


async def test_a_command_that_begins_while_held_has_all_of_its_time(supervisor: Supervisor) -> None:
    await supervisor.hold()
    running = supervisor.run(["bash", "-c", "echo begun; sleep 600"], cwd="/", timeout_s=0.4)
    async with aclosing(running):
        await begun(running)
        supervisor.go_on()
        end = await ended(running)

    assert end.timed_out
    assert end.duration_s > 0.3


async def test_giving_up_a_command_while_held_gives_up_the_sandbox(supervisor: Supervisor) -> None:
    running = supervisor.run(["bash", "-c", "trap '' TERM; echo begun; sleep 600"], cwd="/", timeout_s=60)
    await begun(running)
    await supervisor.hold()
    async with asyncio.timeout(10):
        await running.aclose()

    with pytest.raises(SandboxGone):
        await supervisor.stat("/")


async def test_holding_what_is_gone_does_nothing(supervisor: Supervisor) -> None:
    running = supervisor.run(["bash", "-c", "echo begun; kill -9 $(ps -o ppid= -p $PPID)"], cwd="/", timeout_s=60)
    with pytest.raises(SandboxGone):
        async for _ in running:
            pass
    await supervisor.hold()
    supervisor.go_on()


async def test_a_limit_stands_still_and_goes_on_with_what_was_left() -> None:
    time, loop = RunningTime(), asyncio.get_running_loop()
    began_s = loop.time()

    async def wait() -> None:
        async with time.limit(time.now_s() + 0.3):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    time.hold()
    standing = time.now_s()
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert time.now_s() == standing
    time.go_on()
    with pytest.raises(TimeoutError):
        await waiting
    assert loop.time() - began_s > 0.7


async def test_a_limit_that_is_set_while_held_waits_for_the_end_of_it() -> None:
    time = RunningTime()
    time.hold()

    async def wait() -> None:
        async with time.limit(time.now_s() + 0.05):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    time.go_on()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            await waiting
