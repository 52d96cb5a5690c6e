"""What an attempt had done is in a checkpoint when it is broken off, and what ran in its sandbox has ended before."""

import asyncio
import subprocess
import time
from types import SimpleNamespace
from typing import Any

import pytest

from errand.v1.runner_pb2 import AttemptEvent
from errand_common.values import FailureReason
from errand_runner.agent.redact import Redactor
from errand_runner.checkpoint import ref_of
from errand_runner.deltas import Deltas
from errand_runner.ending import AttemptFailed
from errand_runner.outage import GitHost, HostAway
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.rescue import Rescue, at_once
from errand_runner.saving import Keeper
from errand_runner.workspace import Workspace

ATTEMPT = "att_" + "0" * 26
WITHIN_S = 20.0


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


class World:
    """One attempt in a sandbox that is a folder; `stopped` is what a person wants."""

    def __init__(self, supervisor, folder):
        self.repo, self.origin = folder / "repo", folder / "origin.git"
        git("init", "--quiet", "--bare", "--initial-branch=trunk", str(self.origin), cwd=folder)
        git("clone", "--quiet", str(self.origin), str(self.repo), cwd=folder)
        git("commit", "--quiet", "--allow-empty", "--message=first", cwd=self.repo)
        git("push", "--quiet", "origin", "HEAD:trunk", cwd=self.repo)
        self.supervisor, self.stopped, self.at_work = supervisor, False, asyncio.Event()
        self.saved = False
        self.home: Any = (SimpleNamespace(supervisor=supervisor), None)
        self.box = Outbox(folder / "outbox")
        self.recorder = Recorder(self.box.hold(ATTEMPT, 1), Deltas(self.box.changed), task_id="tsk_1")

    def rescue(self, *, patiently=at_once, save_s=WITHIN_S):
        keeper = Keeper(self.recorder, patiently, Redactor(), self.note_saved)
        return Rescue(
            lambda: self.home, keeper, workspace_of=self.workspace, stopped=lambda: self.stopped, save_s=save_s
        )

    async def note_saved(self):
        self.saved = True

    def workspace(self, lodged):
        return Workspace(
            lodged[0].supervisor,
            remote_url=str(self.origin),
            branch="errand/tsk_1",
            default_branch="trunk",
            host=GitHost(),
            task_id="tsk_1",
            workspace_id="wsp_1",
            folder=str(self.repo),
        )

    async def broken_by(self, failure):
        """Some work that raises this."""
        async with self.rescue().of_what_breaks_off():
            (self.repo / "written").touch()
            raise failure

    async def broken_off(self, rescue, *, stopped):
        """Some work, that is cancelled in its middle."""

        async def working():
            async with rescue.of_what_breaks_off():
                (self.repo / "written").write_text("in mid-turn\n")
                self.at_work.set()
                await asyncio.sleep(3600)

        task = asyncio.ensure_future(working())
        await self.at_work.wait()
        self.stopped = stopped
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    def told(self):
        records = self.box.logs[ATTEMPT].after(0, limit_bytes=1 << 20)
        return [AttemptEvent.FromString(record.data).body for record in records]

    def kinds(self):
        return [body.WhichOneof("kind") for body in self.told()]

    def kept(self):
        return git("for-each-ref", "--format=%(refname)", "refs/errand", cwd=self.origin).splitlines()


@pytest.fixture
async def world(supervisor, tmp_path):
    return World(supervisor, tmp_path)


async def test_what_a_stopped_turn_wrote_is_at_the_git_host(world):
    await world.broken_off(world.rescue(), stopped=True)

    assert (world.kinds(), world.saved) == (["checkpoint_saved"], True)
    assert git("show", f"{ref_of('tsk_1')}:written", cwd=world.origin) == "in mid-turn"


async def test_whatever_ran_has_ended_before_it_is_saved(world):
    script = "setsid sh -c 'while :; do date +%N > ticking; sleep 0.01; done' & exec sleep 3600"
    await world.supervisor.background.start(["sh", "-c", script], cwd=str(world.repo), folder=str(world.repo.parent))
    while not (world.repo / "ticking").exists():
        await asyncio.sleep(0.01)

    await world.broken_off(world.rescue(), stopped=True)

    kept = git("show", f"{ref_of('tsk_1')}:ticking", cwd=world.origin)
    assert kept == (world.repo / "ticking").read_text().strip()


async def test_a_runner_that_only_goes_leaves_all_as_it_is(world):
    job = await world.supervisor.background.start(["sleep", "3600"], cwd=str(world.repo), folder=str(world.repo.parent))

    await world.broken_off(world.rescue(), stopped=False)

    assert (world.kinds(), world.kept()) == ([], [])
    assert [state.running for state in await world.supervisor.background.jobs() if state.job == job] == [True]


async def test_what_broke_in_mid_work_is_saved_before_it_is_told(world):
    with pytest.raises(ZeroDivisionError):
        await world.broken_by(ZeroDivisionError())

    assert world.kinds() == ["checkpoint_saved"]


async def test_what_failed_with_its_own_words_was_seen_to(world):
    with pytest.raises(AttemptFailed):
        await world.broken_by(AttemptFailed(FailureReason.PUSH, "refused"))

    assert (world.kinds(), world.kept()) == ([], [])


async def test_what_came_to_its_end_is_left_alone(world):
    async with world.rescue().of_what_breaks_off():
        (world.repo / "written").touch()

    assert (world.kinds(), world.kept()) == ([], [])


async def test_a_stop_does_not_wait_for_a_git_host_that_is_away(world):
    async def away(step):
        raise HostAway("the git host cannot be reached")

    await world.broken_off(world.rescue(patiently=away), stopped=True)

    (failed,) = world.told()
    assert failed.checkpoint_failed.reason == "the git host cannot be reached"
    assert not world.saved


async def test_a_stop_waits_for_a_slow_git_host_for_a_bounded_time(world):
    async def slow(step):
        await asyncio.sleep(3600)

    began_s = time.monotonic()
    await world.broken_off(world.rescue(patiently=slow, save_s=0.4), stopped=True)

    assert time.monotonic() - began_s < WITHIN_S
    (failed,) = world.told()
    assert "within 0 s" in failed.checkpoint_failed.reason


async def test_a_sandbox_that_does_not_answer_is_not_waited_for(world):
    world.home = (SimpleNamespace(supervisor=SimpleNamespace(kill_all=asyncio.Event().wait)), None)

    began_s = time.monotonic()
    await world.broken_off(world.rescue(), stopped=True)

    # The container's end, which follows, must come within 3 s.
    assert time.monotonic() - began_s < 2.5
    (failed,) = world.told()
    assert "did not answer" in failed.checkpoint_failed.reason


async def test_between_two_sandboxes_there_is_nothing_to_save(world):
    world.home = None

    await world.broken_off(world.rescue(), stopped=True)

    assert world.kinds() == []
