"""What a crash or a broken disk leaves of an outbox is a beginning of it, without a hole."""

import asyncio
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from errand_runner.outbox import Outbox, OutboxError
from errand_runner.outbox.disk import Disk
from errand_runner.outbox.frames import frame, frames
from errand_runner.outbox.segments import paths
from tests.unit.runner.outboxes import ATTEMPT, OTHER, told, write
from tests.unit.runner.streaming import event


def left_of(folder):
    """The words that the next process finds."""
    log = Outbox(folder).logs.get(ATTEMPT)
    return told(log) if log else []


def damaged(logs):
    """What the operator was told of damage."""
    return [entry["file"] for entry in logs if entry["event"] == "outbox_damaged"]


async def test_a_torn_end_is_cut_off_and_written_over(tmp_path):
    path = await write(tmp_path, "whole")
    with path.open("ab") as file:
        file.write(b"\x00\x00\x00\x09\x12\x34\x56\x78torn")

    with capture_logs() as logs:
        await write(tmp_path, "next")

    assert logs == []
    assert told(Outbox(tmp_path).logs[ATTEMPT]) == ["whole", "next"]


async def test_bytes_that_never_came_are_a_torn_end(tmp_path):
    path = await write(tmp_path, "whole")
    with path.open("ab") as file:
        file.write(bytes(4096))

    with capture_logs() as logs:
        assert left_of(tmp_path) == ["whole"]

    assert logs == []


async def test_wherever_a_crash_cuts_the_file_a_beginning_of_it_is_left(tmp_path):
    path = await write(tmp_path, "one", "two", "three")
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with capture_logs() as logs:
            left = left_of(tmp_path)

        assert left == ["one", "two", "three"][: len(left)]
        assert logs == []


async def test_after_a_flipped_bit_nothing_is_trusted_and_the_operator_hears_of_it(tmp_path):
    path = await write(tmp_path, "good", "bad", "after")
    data = bytearray(path.read_bytes())
    data[data.index(b"bad")] ^= 1
    path.write_bytes(data)

    with capture_logs() as logs:
        await write(tmp_path, "new")

    assert damaged(logs) == [path.name]
    assert left_of(tmp_path) == ["good", "new"]


async def test_any_byte_may_go_bad_and_the_runner_starts_with_what_came_before(tmp_path):
    path = await write(tmp_path, "one", "two", "three")
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :])
        left = left_of(tmp_path)

        assert left == ["one", "two", "three"][: len(left)]
        assert len(left) < 3


async def test_an_event_that_is_missing_in_the_middle_leaves_no_hole(tmp_path):
    path = await write(tmp_path, "aaa", "bbb", "ccc")
    whole, _ = frames(path.read_bytes())
    path.write_bytes(b"".join(frame(each) for each in whole if b"bbb" not in each))

    assert left_of(tmp_path) == ["aaa"]


async def test_a_segment_that_cannot_be_read_keeps_no_other_from_work(tmp_path):
    path = await write(tmp_path, "mine")
    path.with_name("000000000000.log").mkdir()

    with capture_logs() as logs:
        assert left_of(tmp_path) == ["mine"]

    assert damaged(logs) == ["000000000000.log"]


@contextmanager
def file_size_limit(limit_bytes):
    """The kernel refuses writes past a size, in part, as a bad disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_refuses_ends_the_log_without_a_hole(tmp_path):
    box = Outbox(tmp_path)
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await log.append(event("before"))
    await other.append(event("other"))
    (path,) = paths(tmp_path)
    with file_size_limit(path.stat().st_size + 5), pytest.raises(OutboxError, match="see to the disk"):
        await log.append(event("lost"))
    with pytest.raises(OutboxError, match="see to the disk"):
        await log.append(event("later"))
    await other.append(event("elsewhere"))
    box.close()

    found = Outbox(tmp_path).logs
    assert (told(found[ATTEMPT]), told(found[OTHER])) == (["before"], ["other", "elsewhere"])
    log.ack(1)
    async with asyncio.timeout(20):
        await log.drained()


async def test_what_was_to_be_written_soon_and_was_not_fails_the_next(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    await log.append(event("before"))
    (path,) = paths(tmp_path)
    with file_size_limit(path.stat().st_size + 5):
        await log.append_soon(event("lost"))
        with pytest.raises(OutboxError, match="see to the disk"):
            await log.append(event("after"))

    with pytest.raises(OutboxError, match="see to the disk"):
        await log.written()
    assert told(log) == ["before"]


async def test_nothing_is_written_behind_what_a_broken_disk_may_have_taken(tmp_path):
    box = Outbox(tmp_path)
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await log.append(event("before"))
    await other.append(event("other"))
    (path,) = paths(tmp_path)
    with file_size_limit(path.stat().st_size + 5), pytest.raises(OutboxError):
        await log.append(event("lost"))

    await other.append(event("elsewhere"))

    assert len(paths(tmp_path)) == 2


class Watched(Disk):
    """Tells which files were made durable."""

    def __init__(self) -> None:
        self.settled: list[str] = []

    def settle(self, path: Path) -> None:
        super().settle(path)
        self.settled.append(path.name)


async def test_what_a_killed_process_wrote_is_made_durable_before_it_is_taken_up(tmp_path):
    path = await write(tmp_path, "one")
    disk = Watched()

    Outbox(tmp_path, disk=disk)

    assert disk.settled == [path.name]
