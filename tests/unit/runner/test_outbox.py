"""What is appended is on disk, in order, until it is acknowledged and forgotten."""

import asyncio
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox import EVENT_BYTES, AheadLimits, Outbox, OutboxError
from errand_runner.outbox.disk import Disk
from errand_runner.outbox.frames import frame, frames
from errand_runner.outbox.segments import paths
from tests.unit.runner.streaming import attempt, event

ATTEMPT, OTHER = attempt(0), attempt(1)
ALL = 1 << 30


def told(log, *, after=0, limit_bytes=ALL):
    """The words of a log's events."""
    return [
        AttemptEvent.FromString(record.data).prefix.decode() for record in log.after(after, limit_bytes=limit_bytes)
    ]


def left_of(folder):
    """The words that the next process finds."""
    log = Outbox(folder).logs.get(ATTEMPT)
    return told(log) if log else []


async def write(folder, *texts, **options):
    """Leave a log behind, as a process that ended."""
    box = Outbox(folder, **options)
    log = box.logs.get(ATTEMPT) or box.hold(ATTEMPT, 1)
    for text in texts:
        await log.append(event(text))
    box.close()
    return paths(folder)[-1]


def damaged(logs):
    """What the operator was told of damage."""
    return [entry["file"] for entry in logs if entry["event"] == "outbox_damaged"]


async def test_the_next_process_finds_what_was_appended(tmp_path):
    first = Outbox(tmp_path)
    log = first.hold(ATTEMPT, 7)
    for text in ("one", "two", "three"):
        await log.append(event(text))
    first.close()

    again = Outbox(tmp_path).logs[ATTEMPT]

    assert (again.attempt_id, again.fence, again.last_sequence) == (ATTEMPT, 7, 3)
    assert told(again) == ["one", "two", "three"]
    assert [AttemptEvent.FromString(record).sequence for record in again.recovered] == [1, 2, 3]
    # There may have been one more, that nobody lived to write down; also behind what is told from now on.
    assert (log.given_sequence, again.given_sequence) == (3, 4)
    await again.append(event("four"))
    assert (again.last_sequence, again.given_sequence) == (4, 5)


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


async def test_acks_are_cumulative_and_leave_the_rest(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    for text in ("1", "2", "3"):
        await log.append(event(text))

    log.ack(2)
    log.ack(1)

    assert (log.acked_sequence, log.last_sequence) == (2, 3)
    assert told(log, after=2) == ["3"]
    assert told(log) == ["3"]


async def test_a_batch_is_bounded_but_never_empty(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    for text in ("x" * 100, "y" * 100, "z"):
        await log.append(event(text))

    assert told(log, limit_bytes=150) == ["x" * 100]
    assert told(log, limit_bytes=1) == ["x" * 100]
    assert told(log, limit_bytes=220) == ["x" * 100, "y" * 100]


async def test_drained_waits_for_the_ack_of_a_record_still_being_written(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    await log.append(event("1"))
    writing = asyncio.ensure_future(log.append(event("2")))
    await asyncio.sleep(0)
    draining = asyncio.ensure_future(log.drained())
    log.ack(1)
    await writing
    assert not draining.done()

    log.ack(2)

    async with asyncio.timeout(20):
        await draining


async def test_a_cancelled_append_is_written_all_the_same(tmp_path):
    box = Outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    appending = asyncio.ensure_future(log.append(event("said")))
    await asyncio.sleep(0)
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    await log.append(event("after"))

    assert told(log) == ["said", "after"]


async def test_what_several_write_at_once_is_numbered_without_a_hole(tmp_path):
    box = Outbox(tmp_path)
    logs = [box.hold(attempt(number), 1) for number in range(4)]
    await asyncio.gather(*(log.append(event(str(number))) for number in range(50) for log in logs))
    box.close()

    for log in Outbox(tmp_path).logs.values():
        assert [AttemptEvent.FromString(record).sequence for record in log.recovered] == list(range(1, 51))
        assert told(log) == [str(number) for number in range(50)]


async def test_the_attempt_blocks_when_too_much_is_unacknowledged(tmp_path):
    log = Outbox(tmp_path, limits=AheadLimits(attempt_bytes=1000)).hold(ATTEMPT, 1)
    await log.append(event("x" * 600))
    second = asyncio.ensure_future(log.append(event("y" * 600)))
    await asyncio.sleep(0.05)
    assert log.last_sequence == 1

    log.ack(1)

    async with asyncio.timeout(20):
        await second
    assert log.last_sequence == 2


async def test_all_attempts_together_block_at_the_hosts_limit(tmp_path):
    box = Outbox(tmp_path, limits=AheadLimits(host_bytes=2000))
    first, second, third = (box.hold(attempt(number), 1) for number in range(3))
    await first.append(event("x" * 900))
    assert not box.blocked
    await second.append(event("x" * 900))
    waiting = asyncio.ensure_future(third.append(event("y" * 500)))
    await asyncio.sleep(0.05)
    assert third.last_sequence == 0
    assert box.blocked

    box.forget(first.attempt_id)

    async with asyncio.timeout(20):
        await waiting
    assert not box.blocked


async def test_what_an_earlier_process_left_counts_too(tmp_path):
    await write(tmp_path, "x" * 600)
    log = Outbox(tmp_path, limits=AheadLimits(attempt_bytes=1000)).logs[ATTEMPT]
    waiting = asyncio.ensure_future(log.append(event("y" * 600)))
    await asyncio.sleep(0.05)
    assert log.last_sequence == 1

    log.ack(1)

    async with asyncio.timeout(20):
        await waiting


async def test_a_refused_attempt_that_waits_for_room_hears_of_it(tmp_path):
    log = Outbox(tmp_path, limits=AheadLimits(attempt_bytes=1000)).hold(ATTEMPT, 1)
    await log.append(event("x" * 600))
    waiting = asyncio.ensure_future(log.append(event("y" * 600)))
    await asyncio.sleep(0)

    log.refuse("no")

    async with asyncio.timeout(20):
        with pytest.raises(OutboxError, match="refuses"):
            await waiting


async def test_an_event_that_no_message_can_carry_ends_the_attempt_with_words(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    with pytest.raises(OutboxError, match="more than the"):
        await log.append(event("x" * EVENT_BYTES))
    await log.append(event("next"))

    assert told(log) == ["next"]


async def test_what_was_still_queued_for_a_forgotten_log_never_reaches_another(tmp_path):
    for round_number in range(20):
        box = Outbox(tmp_path / str(round_number))
        log = box.hold(ATTEMPT, 1)
        appending = [asyncio.ensure_future(log.append(event("first" * 50_000))) for _ in range(3)]
        await asyncio.sleep(0)
        box.forget(ATTEMPT)
        other = box.hold(OTHER, 1)
        await other.append(event("other"))
        ended = await asyncio.gather(*appending, return_exceptions=True)
        box.close()

        assert any(isinstance(each, OutboxError) for each in ended)
        assert told(Outbox(tmp_path / str(round_number)).logs[OTHER]) == ["other"]


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


async def test_holding_twice_is_one_and_what_is_forgotten_stays_so(tmp_path):
    box = Outbox(tmp_path)
    assert box.hold(ATTEMPT, 1) is box.hold(ATTEMPT, 1)
    log = box.hold(OTHER, 2)
    await log.noted()

    box.forget(ATTEMPT)
    box.forget(ATTEMPT)
    await log.append(event("next"))
    box.close()

    assert list(Outbox(tmp_path).logs) == [OTHER]


async def test_an_attempt_that_was_noted_is_held_by_the_next_process(tmp_path):
    box = Outbox(tmp_path)
    logs = [box.hold(attempt(number), number + 1) for number in range(3)]
    await asyncio.gather(*(log.noted() for log in logs))
    box.close()

    assert {each: log.fence for each, log in Outbox(tmp_path).logs.items()} == {attempt(n): n + 1 for n in range(3)}


async def test_an_attempt_under_a_newer_fence_has_nothing_of_the_older(tmp_path):
    box = Outbox(tmp_path)
    await box.hold(ATTEMPT, 1).append(event("old"))
    await box.hold(ATTEMPT, 2).append(event("new"))
    box.close()

    log = Outbox(tmp_path).logs[ATTEMPT]
    assert (log.fence, told(log)) == (2, ["new"])


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
