"""What a runner has written down lives on while it does; what no runner speaks for any more ends by itself."""

import asyncio
import os
import select
import subprocess

import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner import doorway
from errand_runner.journal import Entry, Journal
from errand_runner.lifelines import Lifelines
from errand_runner.sandbox import lifeline

PATIENCE_S = 4
# The container looks once a second: it has no shorter patience.
LOOKS = PATIENCE_S


@pytest.fixture
def folder(tmp_path):
    sandbox_id = Ids(Clock()).new("sbx")
    Journal(tmp_path / "journal").prepare(Entry(sandbox_id, Ids(Clock()).new("att")))
    (tmp_path / "s" / sandbox_id).mkdir(parents=True)
    return tmp_path / "s" / sandbox_id


def container(folder, **environment):
    """As the engine would run it, with the folder of its socket."""
    command = [word.replace(doorway.FOLDER, str(folder)) for word in lifeline.command(PATIENCE_S)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, **environment})


def test_without_a_runner_it_ends(folder):
    lifeline.renew(folder)

    assert container(folder).wait(timeout=30) == 0


class Slept:
    """A container whose sleeps between two looks last as long as a test wants."""

    def __init__(self, folder, tmp_path):
        (tmp_path / "bin").mkdir()
        for name in ("sleeps", "wakes"):
            os.mkfifo(tmp_path / name)
        # Open at both ends, so that neither the container nor this one waits for the other to open it.
        self.sleeps, self.wakes = (os.open(tmp_path / name, os.O_RDWR) for name in ("sleeps", "wakes"))
        sleep = tmp_path / "bin" / "sleep"
        sleep.write_text(f'#!/bin/sh\necho > "{tmp_path}/sleeps"\nread -r _ < "{tmp_path}/wakes"\n')
        sleep.chmod(0o755)
        self.process = container(folder, PATH=f"{sleep.parent}:{os.environ['PATH']}")

    def is_asleep(self):
        """Once it has looked and is; False once it has ended."""
        while self.process.poll() is None:
            if select.select([self.sleeps], [], [], 0.05)[0]:
                os.read(self.sleeps, 1)
                return True
        return False

    def wake(self):
        os.write(self.wakes, b"\n")


async def test_with_one_it_lives_past_its_patience_also_when_an_earlier_process_opened_it(folder, tmp_path):
    lifelines = Lifelines(Journal(tmp_path / "journal"), socket_root=tmp_path / "s", renew_s=0.01)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lifelines.watch())
        await renewed(folder, since="")
        lives = Slept(folder, tmp_path)
        for _ in range(2 * LOOKS):
            assert await asyncio.to_thread(lives.is_asleep)
            await renewed(folder, since=(folder / "alive").read_text())
            lives.wake()
        watching.cancel()

    left = 0
    while await asyncio.to_thread(lives.is_asleep):
        left += 1
        lives.wake()
    assert (left <= LOOKS + 1, lives.process.returncode) == (True, 0)


async def renewed(folder, *, since):
    async with asyncio.timeout(30):
        while not (folder / "alive").exists() or (folder / "alive").read_text() == since:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("content", [None, "", "\n", "soon\n", "-1\n", "1 2\n", "$(sleep 9)\n", "1"])
def test_whatever_else_it_finds_it_ends_at_once(folder, content):
    if content is not None:
        (folder / "alive").write_text(content)

    # Its patience would end it with 0.
    assert container(folder).wait(timeout=30) == 1


def test_what_is_renewed_on_a_full_disk_needs_no_more_room(folder):
    lifeline.renew(folder)
    inode, size = os.stat(folder / "alive").st_ino, (folder / "alive").stat().st_size
    first = (folder / "alive").read_text()
    lifeline.renew(folder)

    assert (os.stat(folder / "alive").st_ino, (folder / "alive").stat().st_size) == (inode, size)
    assert (folder / "alive").read_text() != first


async def test_a_folder_that_cannot_be_written_to_keeps_no_other_from_its_turn(folder, tmp_path):
    journal = Journal(tmp_path / "journal")
    broken = Ids(Clock()).new("sbx")
    journal.prepare(Entry(broken, Ids(Clock()).new("att")))
    (tmp_path / "s" / broken / "alive").mkdir(parents=True)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(Lifelines(journal, socket_root=tmp_path / "s", renew_s=0.01).watch())
        async with asyncio.timeout(20):
            while not (folder / "alive").exists():
                await asyncio.sleep(0.01)
        watching.cancel()
