"""When files are saved: beside the next turn, before an end that delivers nothing; what comes of it is told."""

import asyncio
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from errand.v1.runner_pb2 import AttemptEvent
from errand_common.clock import Clock
from errand_runner.agent.redact import Redactor
from errand_runner.checkpoint import FILE_BYTES, ref_of
from errand_runner.deltas import Deltas
from errand_runner.outage import GitHost, GitPatience, HostAway, until_answered
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.sandbox.supervisor import SandboxGone
from errand_runner.saving import Keeper, Saving
from errand_runner.workspace import Workspace

ATTEMPT = "att_" + "0" * 26
WITHIN_S = 20.0
SECRET = "sk-ant-secret"


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class House:
    """A lodger whose sandbox lasts, and a git host that is away for as long as `away` says so."""

    lodged: Workspace
    away: str = ""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    saved: bool = False

    async def note_saved(self):
        self.saved = True

    async def through(self, step):
        return await step(self.lodged)

    async def patiently(self, step):
        async def tried():
            self.asked.set()
            if self.away:
                raise HostAway(self.away)
            return await step()

        async def delayed(reason, delay_s):
            """Nobody is told."""

        return await until_answered(tried, patience=GitPatience(0.5), clock=Clock(), delayed=delayed)


@pytest.fixture
async def house(supervisor, tmp_path):
    origin, repo = tmp_path / "origin.git", tmp_path / "repo"
    git("init", "--quiet", "--bare", "--initial-branch=trunk", str(origin), cwd=tmp_path)
    git("clone", "--quiet", str(origin), str(repo), cwd=tmp_path)
    git("commit", "--quiet", "--allow-empty", "--message=first", cwd=repo)
    git("push", "--quiet", "origin", "HEAD:trunk", cwd=repo)
    workspace = Workspace(
        supervisor,
        remote_url=str(origin),
        branch="errand/tsk_1",
        default_branch="trunk",
        host=GitHost(),
        task_id="tsk_1",
        workspace_id="wsp_1",
        folder=str(repo),
    )
    return House(workspace)


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path / "outbox")


def itself(lodged):
    return lodged


@pytest.fixture
async def saving(house, box):
    recorder = Recorder(box.hold(ATTEMPT, 1), Deltas(box.changed), task_id="tsk_1")
    keeper = Keeper(recorder, house.patiently, Redactor([SECRET]), house.note_saved)
    return Saving(house, keeper, workspace_of=itself)


def told(box):
    records = box.logs[ATTEMPT].after(0, limit_bytes=1 << 20)
    return [AttemptEvent.FromString(record.data).body.WhichOneof("kind") for record in records]


def kept(tmp_path):
    return git("ls-tree", "--name-only", ref_of("tsk_1"), cwd=tmp_path / "origin.git").splitlines()


@asynccontextmanager
async def at_work(saving):
    task = asyncio.ensure_future(saving.run())
    try:
        async with asyncio.timeout(WITHIN_S):
            yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds):
    while not holds():
        await asyncio.sleep(0.01)


async def test_a_tool_of_the_next_turn_changes_nothing_of_the_last_ones_checkpoint(saving, box, tmp_path):
    (tmp_path / "repo" / "of the last turn").touch()
    async with at_work(saving):
        saving.begin()
        await saving.taken()
        (tmp_path / "repo" / "of the next turn").touch()
        await until(lambda: told(box))
    assert (told(box), kept(tmp_path)) == (["checkpoint_saved"], ["of the last turn"])


async def test_a_tool_does_not_wait_for_a_git_host_that_is_away(saving, house, box, tmp_path):
    house.away = "it does not answer"
    (tmp_path / "repo" / "new").touch()
    async with at_work(saving):
        saving.begin()
        await saving.taken()
        assert told(box) == []
        await until(lambda: told(box))
    assert told(box) == ["checkpoint_failed"]


async def test_the_next_turns_checkpoint_takes_the_place_of_one_that_is_on_its_way(saving, house, box, tmp_path):
    house.away = "it does not answer"
    (tmp_path / "repo" / "new").touch()
    async with at_work(saving):
        saving.begin()
        await house.asked.wait()
        house.away = ""
        (tmp_path / "repo" / "newer").touch()
        saving.begin()
        await until(lambda: told(box))
    assert (told(box), kept(tmp_path)) == (["checkpoint_saved"], ["new", "newer"])


async def test_where_the_sandbox_goes_meanwhile_the_turn_goes_on(saving, house, box):
    async def gone():
        raise SandboxGone("it is gone")

    house.lodged = SimpleNamespace(checkpoints=SimpleNamespace(take=gone))
    async with at_work(saving):
        saving.begin()
        await saving.taken()
    assert told(box) == []


async def test_before_parking_it_is_at_the_git_host_or_told_not_to_be(saving, house, box, tmp_path):
    (tmp_path / "repo" / "new").touch()
    await saving.last()
    await saving.last()
    assert (told(box), kept(tmp_path), house.saved) == (["checkpoint_saved"], ["new"], True)

    (tmp_path / "repo" / "newer").touch()
    house.away = "it does not answer"
    await saving.last()
    assert told(box) == ["checkpoint_saved", "checkpoint_failed"]


async def test_the_workspace_alone_has_it_while_a_turn_goes_on_and_where_it_is_not_saved(saving, house, box, tmp_path):
    (tmp_path / "repo" / "new").touch()
    async with at_work(saving):
        saving.begin()
        await until(lambda: told(box))
    assert (told(box), house.saved) == (["checkpoint_saved"], False)

    house.away = "it does not answer"
    (tmp_path / "repo" / "newer").touch()
    await saving.last()
    assert (told(box)[1:], house.saved) == (["checkpoint_failed"], False)


async def test_the_workspace_alone_has_what_a_checkpoint_leaves_out(saving, house, box, tmp_path):
    with (tmp_path / "repo" / "large").open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    (tmp_path / "repo" / "new").touch()
    await saving.last()
    assert (told(box), kept(tmp_path), house.saved) == (["checkpoint_saved"], ["new"], False)


async def test_what_is_told_of_files_and_failures_holds_no_secrets(saving, house, box, tmp_path):
    within = tmp_path / "repo" / SECRET
    git("init", "--quiet", str(within), cwd=tmp_path)
    (tmp_path / "repo" / "new").touch()
    await saving.last()
    house.away = f"{SECRET} does not answer"
    (tmp_path / "repo" / "newer").touch()
    await saving.last()

    records = b"".join(record.data for record in box.logs[ATTEMPT].after(0, limit_bytes=1 << 20))
    assert told(box) == ["checkpoint_saved", "checkpoint_failed"]
    assert b"[redacted]/ (a repository of its own: its files alone)" in records
    assert SECRET.encode() not in records


async def test_what_cannot_be_made_is_told(saving, box, tmp_path):
    (tmp_path / "repo" / ".git" / "HEAD").write_text("ref: refs/heads/nowhere\n")
    await saving.last()
    assert told(box) == ["checkpoint_failed"]
