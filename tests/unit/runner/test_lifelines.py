"""What a runner has written down lives on while it does; what no runner speaks for any more ends by itself."""

import asyncio
import os
import subprocess

import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner import doorway
from errand_runner.journal import Entry, Journal
from errand_runner.lifelines import Lifelines
from errand_runner.sandbox import lifeline

PATIENCE_S = 2


@pytest.fixture
def folder(tmp_path):
    sandbox_id = Ids(Clock()).new("sbx")
    Journal(tmp_path / "journal").prepare(Entry(sandbox_id, Ids(Clock()).new("att")))
    (tmp_path / "s" / sandbox_id).mkdir(parents=True)
    return tmp_path / "s" / sandbox_id


def container(folder):
    """As the engine would run it, with the folder of its socket."""
    command = [word.replace(doorway.FOLDER, str(folder)) for word in lifeline.command(PATIENCE_S)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def test_without_a_runner_it_ends(folder):
    lifeline.renew(folder)

    assert container(folder).wait(timeout=30) == 0


async def test_with_one_it_lives_past_its_patience_also_when_an_earlier_process_opened_it(folder, tmp_path):
    lifelines = Lifelines(Journal(tmp_path / "journal"), socket_root=tmp_path / "s", renew_s=0.1)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(lifelines.watch())
        async with asyncio.timeout(20):
            while not list(folder.iterdir()):
                await asyncio.sleep(0.01)
        lives = container(folder)
        with pytest.raises(subprocess.TimeoutExpired):
            await asyncio.to_thread(lives.wait, 2 * PATIENCE_S)
        watching.cancel()

    assert await asyncio.to_thread(lives.wait, 30) == 0


@pytest.mark.parametrize("content", [None, "", "\n", "soon\n", "-1\n", "1 2\n", "$(sleep 9)\n", "1"])
def test_whatever_else_it_finds_it_ends_at_once(folder, content):
    if content is not None:
        (folder / "alive").write_text(content)

    assert container(folder).wait(timeout=1.5) == 1


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
