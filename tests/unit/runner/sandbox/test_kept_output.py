"""A flood stays in the sandbox, whole in a file; its beginning and end come over the line."""

from contextlib import aclosing
from pathlib import Path

from errand_runner.sandbox.answers import Chunk, Exit, Gap, Kept
from errand_runner.sandbox.guest.kept import FILE_BYTES, MOST_FILES, SHORT_BYTES
from errand_runner.sandbox.guest.tail import TAIL_BYTES
from errand_runner.sandbox.supervisor import Supervisor

LIVE_BYTES = 100_000


async def kept(
    supervisor: Supervisor, script: str, folder: Path, *, timeout_s: float = 20, silence_s: float | None = None
) -> tuple[bytes, Gap | None, bytes, Exit]:
    """What came before a gap, the gap, what came after it, and the end."""
    before, after, gap = bytearray(), bytearray(), None
    running = supervisor.run_kept(
        ["bash", "-c", script],
        cwd="/",
        timeout_s=timeout_s,
        silence_s=silence_s,
        folder=str(folder),
        live_bytes=LIVE_BYTES,
    )
    async with aclosing(running) as items:
        async for item in items:
            match item:
                case Chunk():
                    (after if gap else before).extend(item.data)
                case Gap():
                    gap = item
                case Exit():
                    return bytes(before), gap, bytes(after), item
    raise AssertionError("a command ends with its exit")


def account(ended: Exit) -> Kept:
    assert ended.kept
    return ended.kept


async def test_a_short_output_needs_no_file(supervisor: Supervisor, tmp_path: Path) -> None:
    came, gap, _, ended = await kept(supervisor, "echo short; echo err >&2", tmp_path / "out")
    assert sorted(came.splitlines()) == [b"err", b"short"]
    assert (gap, account(ended).path, account(ended).size_bytes) == (None, "", 10)
    assert not (tmp_path / "out").exists()


async def test_a_longer_one_comes_whole_and_is_in_a_file(supervisor: Supervisor, tmp_path: Path) -> None:
    came, gap, _, ended = await kept(supervisor, "seq 10000", tmp_path / "new" / "out")
    assert (Path(account(ended).path).read_bytes(), gap) == (came, None)
    assert account(ended).kept_bytes == account(ended).size_bytes == len(came)
    assert Path(account(ended).path).parent == tmp_path / "new" / "out"


async def test_of_a_flood_the_ends_come_and_the_rest_is_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    before, gap, after, ended = await kept(supervisor, "seq 500000", tmp_path)
    whole = "".join(f"{number}\n" for number in range(1, 500_001)).encode()
    assert (before, after) == (whole[:LIVE_BYTES], whole[-TAIL_BYTES:])
    left_out = whole[LIVE_BYTES:-TAIL_BYTES]
    assert gap == Gap(len(left_out), left_out.count(b"\n"))
    assert Path(account(ended).path).read_bytes() == whole


async def test_one_endless_line_costs_no_more_than_its_ends(supervisor: Supervisor, tmp_path: Path) -> None:
    size = 64 << 20
    before, gap, after, ended = await kept(supervisor, f"head -c {size} /dev/zero", tmp_path)
    assert gap
    assert len(before) + gap.bytes + len(after) == size
    assert len(before) + len(after) == LIVE_BYTES + TAIL_BYTES
    assert (account(ended).kept_bytes, account(ended).trouble) == (FILE_BYTES, "")
    assert Path(account(ended).path).stat().st_size == FILE_BYTES


async def test_a_flood_does_not_wait_for_who_reads_it(supervisor: Supervisor, tmp_path: Path) -> None:
    done = tmp_path / "done"
    running = supervisor.run_kept(
        ["bash", "-c", f"seq 500000; touch {done}; echo end >&2"],
        cwd="/",
        timeout_s=20,
        folder=str(tmp_path),
        live_bytes=LIVE_BYTES,
    )
    async with aclosing(running) as items:
        await anext(items)
        # Nobody reads on; it ends all the same.
        until = ["bash", "-c", f"until test -e {done}; do sleep 0.01; done"]
        other = await supervisor.capture(until, cwd="/", timeout_s=20)
        assert other.exit.code == 0
        last = [item async for item in items][-2]
    assert isinstance(last, Chunk)
    assert last.data.endswith(b"end\n")


async def test_a_folder_that_cannot_be_written_to_costs_the_command_nothing(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    before, _, after, ended = await kept(supervisor, "seq 500000; exit 3", tmp_path / "file" / "out")
    assert (ended.code, before[:2], after[-7:]) == (3, b"1\n", b"500000\n")
    assert account(ended).path == ""
    assert "Not a directory" in account(ended).trouble


async def test_a_file_that_may_not_grow_costs_the_command_nothing(supervisor: Supervisor, tmp_path: Path) -> None:
    parent = "$(ps -o ppid= -p $PPID)"
    limit = 50_000
    _, _, after, ended = await kept(supervisor, f"prlimit --fsize={limit} --pid {parent}; seq 500000; exit 3", tmp_path)
    assert (ended.code, after[-7:]) == (3, b"500000\n")
    assert (account(ended).kept_bytes, Path(account(ended).path).stat().st_size) == (limit, limit)
    assert "too large" in account(ended).trouble


async def test_the_oldest_files_go(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not ours")
    for number in range(1, MOST_FILES + 1):
        (tmp_path / f"{number}.log").touch()
    _, _, _, ended = await kept(supervisor, f"head -c {SHORT_BYTES + 1} /dev/zero", tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert account(ended).path == str(tmp_path / f"{MOST_FILES + 1}.log")
    assert "1.log" not in names
    assert {"notes.txt", "2.log"} <= names
    assert len(names) == MOST_FILES + 1


async def test_a_command_that_says_nothing_for_too_long_is_ended(supervisor: Supervisor) -> None:
    # No silence counts before its first word.
    await supervisor.hold()
    running = supervisor.run(["bash", "-c", "echo one; sleep 300"], cwd="/", timeout_s=20, silence_s=0.3)
    async with aclosing(running) as items:
        assert await anext(items) == Chunk(1, b"one\n")
        supervisor.go_on()
        (ended,) = [item async for item in items]
    assert isinstance(ended, Exit)
    assert (ended.silent, ended.timed_out, ended.signal) == (True, False, 9)


async def test_a_command_that_goes_on_speaking_is_not_silent(supervisor: Supervisor, tmp_path: Path) -> None:
    script = "for n in 1 2 3 4 5 6 7; do echo $n; sleep 0.4; done"
    _, _, _, ended = await kept(supervisor, script, tmp_path, silence_s=2.5)
    assert (ended.code, ended.silent) == (0, False)


async def test_a_command_that_its_reader_stops_is_not_silent(supervisor: Supervisor) -> None:
    running = supervisor.run(["head", "-c", "3000000", "/dev/zero"], cwd="/", timeout_s=20, silence_s=0.3)
    async with aclosing(running) as items:
        await anext(items)
        await supervisor.capture(["sleep", "1"], cwd="/", timeout_s=20)
        ended = [item async for item in items][-1]
    assert isinstance(ended, Exit)
    assert (ended.code, ended.silent) == (0, False)
