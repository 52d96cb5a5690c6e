"""Leaders: they serve one command after the other, and are replaced when a command does away with them."""

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from errand_runner.sandbox.supervisor import Chunk, FileError, Finished, Supervisor
from tests.unit.runner.sandbox.processes import alive

OTHERS = "ps -o pid= --ppid $(ps -o ppid= -p $PPID) | grep -vw $PPID"
"""Prints the leaders beside the command's own."""


async def sh(supervisor: Supervisor, script: str, *, timeout_s: float = 20, **env: str) -> Finished:
    return await supervisor.capture(["bash", "-c", script], cwd="/", env=env, timeout_s=timeout_s)


async def test_one_leader_serves_one_command_after_the_other(supervisor: Supervisor) -> None:
    # At most two: another is forked ahead while a command takes long.
    assert len({(await sh(supervisor, "echo $PPID")).stdout for _ in range(10)}) <= 2


async def test_what_a_command_is_given_stays_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    show = 'echo "$PPID ${MINE-none} $PWD"'
    first = await supervisor.capture(
        ["bash", "-c", f"exec 1>&2; {show}"], cwd=str(tmp_path), env={"MINE": "yes"}, timeout_s=20
    )
    leader, *rest = first.stderr.split()
    assert rest == [b"yes", str(tmp_path).encode()]
    for _ in range(3):
        then = (await sh(supervisor, show)).stdout.split()
        assert then[1:] == [b"none", b"/"]
        if then[0] == leader:
            return
    raise AssertionError("none of them was served by the first one's leader")


async def test_a_folder_that_went_with_its_command_is_none_of_the_next(supervisor: Supervisor, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    await supervisor.capture(["bash", "-c", f"rmdir {gone}"], cwd=str(gone), timeout_s=20)
    assert (await sh(supervisor, "pwd")).stdout == b"/\n"


async def test_what_cannot_start_leaves_its_leader_to_the_next(supervisor: Supervisor, tmp_path: Path) -> None:
    leaders = {(await sh(supervisor, "echo $PPID")).stdout}
    for argv, cwd in ((["no such program"], "/"), (["true"], str(tmp_path / "missing"))):
        with pytest.raises(FileError, match="No such file"):
            await supervisor.capture(argv, cwd=cwd, timeout_s=20)
        leaders.add((await sh(supervisor, "echo $PPID")).stdout)
    assert len(leaders) <= 2


async def test_a_leader_whose_command_was_killed_serves_no_other(supervisor: Supervisor) -> None:
    async with aclosing(supervisor.run(["bash", "-c", "echo $PPID; sleep 300"], cwd="/", timeout_s=20)) as killed:
        said = await anext(killed)
        assert isinstance(said, Chunk)
    async with asyncio.timeout(20):
        while alive(int(said.data)):
            await asyncio.sleep(0.01)
    assert (await sh(supervisor, "echo still")).stdout == b"still\n"


async def test_a_job_whose_leader_it_kills_still_ends(supervisor: Supervisor) -> None:
    done = await sh(supervisor, "setsid sleep 300 & echo $!; kill -9 $PPID; sleep 300")
    assert done.exit.signal == 9
    assert not alive(int(done.stdout))


async def test_leaders_that_wait_and_are_killed_are_replaced(supervisor: Supervisor) -> None:
    # Until there is one beside this command's own: it is forked once nothing else is to be done.
    done = await sh(supervisor, f"until {OTHERS}; do sleep 0.01; done; kill -9 $({OTHERS})")
    # Dying takes a moment on a busy host.
    async with asyncio.timeout(20):
        while alive(int(done.stdout)):
            await asyncio.sleep(0.01)
    assert (await sh(supervisor, "echo still")).stdout == b"still\n"


async def test_a_command_that_finds_its_waiting_leader_just_killed_gets_another(supervisor: Supervisor) -> None:
    told = await sh(supervisor, f"until {OTHERS} > /dev/null; do sleep 0.01; done; ps -o ppid= -p $PPID; {OTHERS}")
    guest, waiting = map(int, told.stdout.split())
    # While the guest stands still the request comes first, then the death: it hears of them in this order.
    os.kill(guest, signal.SIGSTOP)
    try:
        asked = asyncio.ensure_future(sh(supervisor, "echo still"))
        await asyncio.sleep(0.05)
        os.kill(waiting, signal.SIGKILL)
        while alive(waiting):
            await asyncio.sleep(0.001)
    finally:
        os.kill(guest, signal.SIGCONT)
    assert (await asked).stdout == b"still\n"


async def test_a_leader_that_is_stopped_while_it_waits_goes_on(supervisor: Supervisor) -> None:
    await sh(supervisor, f"until {OTHERS}; do sleep 0.01; done; kill -STOP $({OTHERS})")
    done = await sh(supervisor, "echo still")
    assert (done.stdout, done.exit.timed_out) == (b"still\n", False)


async def test_a_leader_obeys_no_other_than_the_kernel(supervisor: Supervisor) -> None:
    assert (await sh(supervisor, "kill -TERM $PPID; sleep 0.1; echo still")).stdout == b"still\n"
