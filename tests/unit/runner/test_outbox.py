"""What is appended is on disk, in order, until it is acknowledged and forgotten."""

import asyncio
import errno
import os
import resource
from contextlib import contextmanager

import pytest

from errand_runner import outbox as outbox_module
from errand_runner.outbox import Outbox, OutboxError

ATTEMPT = "att_" + "0" * 26
OTHER = "att_" + "1" * 26


async def test_the_next_process_finds_what_was_appended(tmp_path):
    first = Outbox(tmp_path)
    log = first.hold(ATTEMPT, 7)
    for record in (b"one", b"two", b"three"):
        await log.append(record)
    first.close()

    again = Outbox(tmp_path).logs[ATTEMPT]

    assert (again.attempt_id, again.fence, again.last_sequence) == (ATTEMPT, 7, 3)
    assert again.after(0, limit_bytes=100) == [b"one", b"two", b"three"]
    assert again.next_sequence == 4


async def test_a_torn_end_is_cut_off_and_written_over(tmp_path):
    first = Outbox(tmp_path)
    log = first.hold(ATTEMPT, 1)
    await log.append(b"whole")
    first.close()
    with (tmp_path / f"{ATTEMPT}.1").open("ab") as file:
        file.write(b"\x00\x00\x00\x09\x12\x34\x56\x78torn")

    second = Outbox(tmp_path)
    await second.logs[ATTEMPT].append(b"next")
    second.close()

    assert Outbox(tmp_path).logs[ATTEMPT].after(0, limit_bytes=100) == [b"whole", b"next"]


async def test_a_flipped_bit_ends_the_log_before_it(tmp_path):
    first = Outbox(tmp_path)
    log = first.hold(ATTEMPT, 1)
    await log.append(b"good")
    await log.append(b"bad!")
    first.close()
    path = tmp_path / f"{ATTEMPT}.1"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    assert Outbox(tmp_path).logs[ATTEMPT].after(0, limit_bytes=100) == [b"good"]


async def test_acks_are_cumulative_and_leave_the_rest(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    for record in (b"1", b"2", b"3"):
        await log.append(record)

    log.ack(2)
    log.ack(1)

    assert (log.acked_sequence, log.last_sequence) == (2, 3)
    assert log.after(2, limit_bytes=100) == [b"3"]
    assert log.after(0, limit_bytes=100) == [b"3"]


async def test_a_batch_is_bounded_but_never_empty(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    for record in (b"x" * 10, b"y" * 10, b"z"):
        await log.append(record)

    assert log.after(0, limit_bytes=15) == [b"x" * 10]
    assert log.after(0, limit_bytes=1) == [b"x" * 10]
    assert log.after(0, limit_bytes=20) == [b"x" * 10, b"y" * 10]


async def test_drained_waits_for_the_ack_of_a_record_still_being_written(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    await log.append(b"1")
    writing = asyncio.ensure_future(log.append(b"2"))
    await asyncio.sleep(0)
    draining = asyncio.ensure_future(log.drained())
    log.ack(1)
    await writing
    assert not draining.done()

    log.ack(2)

    async with asyncio.timeout(5):
        await draining


async def test_a_cancelled_append_is_written_all_the_same(tmp_path):
    box = Outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    appending = asyncio.ensure_future(log.append(b"said"))
    await asyncio.sleep(0)
    appending.cancel()
    await asyncio.gather(appending, return_exceptions=True)
    await log.append(b"after")

    assert log.after(0, limit_bytes=100) == [b"said", b"after"]


async def test_the_attempt_blocks_when_too_much_is_unacknowledged(tmp_path):
    log = Outbox(tmp_path).hold(ATTEMPT, 1)
    half = b"x" * (outbox_module.UNACKED_BYTES // 2 + 1)
    await log.append(half)
    await log.append(half)
    third = asyncio.ensure_future(log.append(b"more"))
    await asyncio.sleep(0)
    assert log.next_sequence == 3

    log.ack(1)

    async with asyncio.timeout(5):
        await third
    assert log.last_sequence == 3


async def test_what_was_still_queued_for_a_forgotten_log_never_reaches_another(tmp_path):
    for round_number in range(50):
        box = Outbox(tmp_path / str(round_number))
        log = box.hold(ATTEMPT, 1)
        appending = [asyncio.ensure_future(log.append(b"first" * 50_000)) for _ in range(3)]
        await asyncio.sleep(0)
        box.forget(ATTEMPT)
        other = box.hold(OTHER, 1)
        await other.append(b"other")
        await asyncio.gather(*appending, return_exceptions=True)
        box.close()

        assert Outbox(tmp_path / str(round_number)).logs[OTHER].recovered == [b"other"]


@contextmanager
def file_size_limit(limit_bytes):
    """The kernel refuses writes past a size, in part, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_ends_the_log_without_a_hole(tmp_path):
    box = Outbox(tmp_path)
    log = box.hold(ATTEMPT, 1)
    await log.append(b"before")
    with file_size_limit(20), pytest.raises(OutboxError, match=os.strerror(errno.EFBIG)):
        await log.append(b"lost")
    with pytest.raises(OutboxError, match="an earlier event was not written"):
        await log.append(b"later")

    assert log.last_sequence == 1
    log.ack(1)
    async with asyncio.timeout(5):
        await log.drained()


async def test_forgetting_leaves_nothing_and_holding_twice_is_one(tmp_path):
    box = Outbox(tmp_path)
    assert box.hold(ATTEMPT, 1) is box.hold(ATTEMPT, 1)
    box.hold(OTHER, 2)

    box.forget(ATTEMPT)
    box.forget(ATTEMPT)

    assert [path.name for path in tmp_path.iterdir()] == [f"{OTHER}.2"]
    assert list(box.logs) == [OTHER]
