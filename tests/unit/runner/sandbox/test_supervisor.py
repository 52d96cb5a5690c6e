"""Running commands and moving files through a real supervisor process."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from errand_runner.sandbox.guest.job import DRAIN_S
from errand_runner.sandbox.supervisor import Chunk, Exit, FileError, Finished, SandboxGone, Supervisor
from tests.unit.runner.sandbox.processes import alive

PYTHON = sys.executable

# A tree as hostile as it comes without being root: background, own session, double fork in own session.
TREE = """
sleep 300 & echo $!
setsid sleep 300 & echo $!
(setsid bash -c 'sleep 300 & echo $!; wait' &)
exec 2>&-
sleep 300
"""


async def sh(supervisor: Supervisor, script: str) -> Finished:
    return await supervisor.capture(["bash", "-c", script], cwd="/", timeout_s=20)


async def told_of(items: AsyncIterator[Chunk | Exit]) -> list[int]:
    """The processes of TREE, once it stands."""
    pids: list[int] = []
    while len(pids) < 3:
        item = await anext(items)
        assert isinstance(item, Chunk)
        pids += [int(line) for line in item.data.split()]
    return pids


async def test_a_command_gives_its_output_by_stream_and_its_exit_code(supervisor: Supervisor) -> None:
    done = await sh(supervisor, "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
    assert (done.exit.code, done.exit.signal, done.exit.timed_out) == (3, None, False)
    assert 0 < done.exit.duration_s < 20


async def test_a_command_that_a_signal_ended_says_which(supervisor: Supervisor) -> None:
    done = await sh(supervisor, "kill -TERM $$")
    assert (done.exit.code, done.exit.signal) == (None, 15)


async def test_output_arrives_while_the_command_runs(supervisor: Supervisor, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"echo first; until test -e {go}; do sleep 0.01; done; echo second"
    seen = b""
    async with aclosing(supervisor.run(["bash", "-c", script], cwd="/", timeout_s=20)) as items:
        async for item in items:
            if isinstance(item, Chunk):
                seen += item.data
                # The command cannot go on, nor say more, before its first word came out here.
                go.touch()
    assert seen == b"first\nsecond\n"


async def test_stdin_is_handed_over_byte_for_byte(supervisor: Supervisor) -> None:
    data = os.urandom(3_000_000)
    kept = bytearray()
    async with aclosing(supervisor.run(["cat"], cwd="/", timeout_s=20, stdin=data)) as items:
        async for item in items:
            if isinstance(item, Chunk):
                kept += item.data
    assert bytes(kept) == data


async def test_without_stdin_a_reading_command_ends_at_once(supervisor: Supervisor) -> None:
    assert (await sh(supervisor, "cat; echo done")).stdout == b"done\n"


async def test_folder_and_environment_are_those_asked_for(supervisor: Supervisor, tmp_path: Path) -> None:
    argv = ["bash", "-c", 'echo "$PWD $WORD $HOME"']
    done = await supervisor.capture(argv, cwd=str(tmp_path), env={"WORD": "b c"}, timeout_s=20)
    assert done.stdout.decode() == f"{tmp_path} b c {tmp_path}\n"


@pytest.mark.parametrize(
    ("argv", "cwd", "name"),
    [
        (["no-such-command"], "/", "ENOENT"),
        (["true"], "/no/such/folder", "ENOENT"),
        (["/etc"], "/", "EACCES"),
        (["echo", "a\0b"], "/", "EINVAL"),
    ],
)
async def test_a_command_that_cannot_start_is_a_file_error(
    supervisor: Supervisor, argv: list[str], cwd: str, name: str
) -> None:
    with pytest.raises(FileError, match="cannot") as refusal:
        await supervisor.capture(argv, cwd=cwd, timeout_s=20)
    assert refusal.value.name == name


async def test_many_commands_run_side_by_side(supervisor: Supervisor) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sh(supervisor, f"sleep 0.2; echo {n}")) for n in range(20)]
    assert [task.result().stdout for task in tasks] == [b"%d\n" % n for n in range(20)]


async def test_at_its_time_the_whole_tree_is_killed(supervisor: Supervisor) -> None:
    # None of its time runs before the tree stands.
    await supervisor.hold()
    async with aclosing(supervisor.run(["bash", "-c", TREE], cwd="/", timeout_s=0.5)) as items:
        pids = await told_of(items)
        supervisor.go_on()
        end = [item async for item in items][-1]
    assert isinstance(end, Exit)
    assert (end.timed_out, end.signal) == (True, 9)
    assert end.duration_s < 3
    assert not [pid for pid in pids if alive(pid)]


async def test_closing_the_generator_kills_the_whole_tree(supervisor: Supervisor) -> None:
    async with aclosing(supervisor.run(["bash", "-c", TREE], cwd="/", timeout_s=60)) as items:
        pids = await told_of(items)
    assert not [pid for pid in pids if alive(pid)]


async def test_cancelling_kills_the_whole_tree(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    task = asyncio.ensure_future(
        sh(supervisor, f"setsid bash -c 'echo $$ > {note}.new; mv {note}.new {note}; sleep 300' & wait")
    )
    async with asyncio.timeout(10):
        while not note.exists():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(int(note.read_text()))


async def test_what_a_command_leaves_running_ends_with_it(supervisor: Supervisor) -> None:
    started = time.monotonic()
    done = await sh(supervisor, "setsid sleep 300 & echo $!")
    assert done.exit.code == 0
    assert time.monotonic() - started < 10
    assert not alive(int(done.stdout))


async def test_no_zombie_is_left_behind(supervisor: Supervisor) -> None:
    for _ in range(30):
        await sh(supervisor, "(true &) ; true & true")
    listing = await sh(supervisor, "ps -o stat= --ppid $(ps -o ppid= -p $PPID)")
    assert listing.stdout.split()
    assert not [state for state in listing.stdout.split() if state.startswith(b"Z")]


async def test_large_output_comes_whole_and_in_order(supervisor: Supervisor) -> None:
    size, bad = 0, 0
    argv = [PYTHON, "-c", "import sys\nfor n in range(300): sys.stdout.buffer.write(bytes([n % 251]) * 100_000)"]
    async with aclosing(supervisor.run(argv, cwd="/", timeout_s=60)) as items:
        async for item in items:
            if isinstance(item, Chunk):
                bad += item.data[0] != size // 100_000 % 251
                size += len(item.data)
    assert (size, bad) == (30_000_000, 0)


async def test_capture_keeps_the_first_bytes_and_says_that_there_were_more(supervisor: Supervisor) -> None:
    done = await supervisor.capture(["seq", "1000000"], cwd="/", timeout_s=20, limit_bytes=10)
    assert (done.stdout, done.truncated, done.exit.code) == (b"1\n2\n3\n4\n5\n", True, 0)


async def test_an_unread_job_stops_and_no_other_does(supervisor: Supervisor) -> None:
    async with aclosing(supervisor.run(["yes"], cwd="/", timeout_s=60)) as items:
        first = await anext(items)
        assert isinstance(first, Chunk)
        assert (await sh(supervisor, "echo quick")).stdout == b"quick\n"
    assert (await sh(supervisor, "echo still")).stdout == b"still\n"


async def test_a_job_that_ends_unread_is_told_whole_later(supervisor: Supervisor) -> None:
    size = 0
    async with aclosing(supervisor.run(["head", "-c", "1100000", "/dev/zero"], cwd="/", timeout_s=20)) as items:
        first = await anext(items)
        assert isinstance(first, Chunk)
        size += len(first.data)
        # Longer than a dead job's pipes are kept open for a job that is being read.
        await asyncio.sleep(DRAIN_S + 0.5)
        async for item in items:
            size += len(item.data) if isinstance(item, Chunk) else 0
    assert size == 1_100_000


async def test_files_are_written_read_and_looked_at(supervisor: Supervisor, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    data = os.urandom(2_500_000)
    await supervisor.write(str(path), data)
    assert await supervisor.read(str(path), limit_bytes=1 << 24) == data
    assert await supervisor.read(str(path), limit_bytes=1_500_000) == data[:1_500_000]
    found = await supervisor.stat(str(path))
    assert (found.size_bytes, found.is_dir) == (2_500_000, False)
    assert found.mtime_ns == path.stat().st_mtime_ns
    assert (await supervisor.stat(str(tmp_path))).is_dir
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


async def test_a_file_keeps_its_mode_and_a_link_stays_a_link(supervisor: Supervisor, tmp_path: Path) -> None:
    script, link = tmp_path / "script", tmp_path / "link"
    script.write_text("old")
    script.chmod(0o755)
    link.symlink_to("script")
    await supervisor.write(str(link), b"new")
    assert (link.is_symlink(), script.read_text(), script.stat().st_mode & 0o777) == (True, "new", 0o755)
    await supervisor.write(str(tmp_path / "secret"), b"", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


async def test_what_is_no_regular_file_is_refused_without_blocking(supervisor: Supervisor, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, name in [(tmp_path / "pipe", "EINVAL"), (tmp_path, "EISDIR"), (tmp_path / "none", "ENOENT")]:
        with pytest.raises(FileError) as refusal:
            await supervisor.read(str(path), limit_bytes=10)
        assert refusal.value.name == name
    with pytest.raises(FileError):
        await supervisor.write(str(tmp_path), b"")
    with pytest.raises(FileError):
        await supervisor.read("nul\0byte", limit_bytes=10)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]


async def test_a_command_inherits_nothing_but_its_three_streams(supervisor: Supervisor) -> None:
    # The fourth is of the listing itself.
    done = await supervisor.capture(["ls", "/proc/self/fd"], cwd="/", timeout_s=20)
    assert done.stdout.split() == [b"0", b"1", b"2", b"3"]


async def test_a_command_that_closes_its_output_is_waited_for(supervisor: Supervisor) -> None:
    done = await sh(supervisor, "exec >&- 2>&-; sleep 0.2; exit 4")
    assert done.exit.code == 4


async def test_a_note_that_a_command_leaves_comes_with_its_exit(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "note"
    for word in ("one", ""):
        argv = ["bash", "-c", f"test {word} && echo {word} > {note}"]
        items = [item async for item in supervisor.run(argv, cwd="/", timeout_s=20, note=str(note))]
        ended = items[-1]
        assert isinstance(ended, Exit)
        # The second command leaves none, and what the first left is gone.
        assert ended.note == (b"one\n" if word else b"")


async def test_what_a_killed_supervisor_ran_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(SandboxGone):
        await sh(supervisor, f"echo $$ > {note}; kill -9 $(ps -o ppid= -p $PPID); exec sleep 300")
    async with asyncio.timeout(10):
        while alive(int(note.read_text())):
            await asyncio.sleep(0.01)


async def test_when_the_supervisor_is_killed_every_call_says_that_it_is_gone(supervisor: Supervisor) -> None:
    # The command's parent is its leader, whose parent is the supervisor.
    with pytest.raises(SandboxGone):
        await sh(supervisor, "kill -9 $(ps -o ppid= -p $PPID); exec sleep 300")
    with pytest.raises(SandboxGone):
        await supervisor.read("/etc/hostname", limit_bytes=1)
    started = time.monotonic()
    with pytest.raises(SandboxGone):
        await sh(supervisor, "true")
    assert time.monotonic() - started < 1


async def test_jobs_die_with_the_connection(supervisor: Supervisor) -> None:
    items = supervisor.run(["bash", "-c", "echo $$; sleep 300"], cwd="/", timeout_s=60)
    first = await anext(items)
    assert isinstance(first, Chunk)
    await supervisor.__aexit__(None, None, None)
    with pytest.raises(SandboxGone):
        await anext(items)
    async with asyncio.timeout(20):
        while alive(int(first.data)):
            await asyncio.sleep(0.01)


async def test_an_exit_comes_last(supervisor: Supervisor) -> None:
    items = [item async for item in supervisor.run(["echo", "hi"], cwd="/", timeout_s=20)]
    assert isinstance(items[-1], Exit)
    assert items[:-1] == [Chunk(1, b"hi\n")]
