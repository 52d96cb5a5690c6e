"""A full disk makes attempts wait; nothing that was told is lost, and room lets them go on."""

import asyncio
import errno
import gc
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox import AheadLimits, Disk, Outbox, OutboxError
from errand_runner.outbox.segments import paths
from tests.unit.runner.streaming import attempt, event

ATTEMPT, OTHER = attempt(0), attempt(1)


class SmallDisk(Disk):
    """A disk that is full when told so: writes leave a part of themselves behind, as on a real one."""

    room_retry_s = 0.01

    def __init__(self):
        self.full = False
        self.broken = False
        self.tries = 0

    def append(self, descriptor, offset, data):
        if not (self.full or self.broken):
            super().append(descriptor, offset, data)
            return
        self.tries += 1
        os.pwrite(descriptor, data[:5], offset)
        raise OSError(errno.EIO if self.broken else errno.ENOSPC, "no")

    def put(self, path, content):
        if self.full:
            self.tries += 1
            raise OSError(errno.ENOSPC, "no")
        super().put(path, content)


@pytest.fixture
def disk():
    return SmallDisk()


@pytest.fixture
def box(tmp_path, disk):
    return Outbox(tmp_path, disk=disk)


def told(folder):
    return {
        attempt_id: [AttemptEvent.FromString(record).prefix.decode() for record in log.recovered]
        for attempt_id, log in Outbox(folder).logs.items()
    }


async def tried(disk, times):
    async with asyncio.timeout(10):
        while disk.tries < times:
            await asyncio.sleep(0.005)


async def test_appends_wait_for_room_and_all_are_written_in_order(tmp_path, box, disk):
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await log.append(event("before"))
    disk.full = True
    waiting = [asyncio.ensure_future(each.append(event(text))) for each, text in [(log, "1"), (other, "a"), (log, "2")]]
    await tried(disk, 3)
    assert not any(each.done() for each in waiting)

    disk.full = False

    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)
        await log.append(event("after"))
    box.close()
    assert told(tmp_path) == {ATTEMPT: ["before", "1", "2", "after"], OTHER: ["a"]}


async def test_a_runner_without_room_says_so_once_and_takes_no_more(box, disk):
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    disk.full = True
    with capture_logs() as logs:
        waiting = [asyncio.ensure_future(each.append(event("x"))) for each in (log, other)]
        await tried(disk, 4)
        assert box.blocked
        disk.full = False
        async with asyncio.timeout(20):
            await asyncio.gather(*waiting)

    assert [entry["event"] for entry in logs] == ["outbox_disk_full", "outbox_disk_has_room"]
    assert not box.blocked


async def test_an_attempt_that_is_stopped_meanwhile_can_end(tmp_path, box, disk):
    log = box.hold(ATTEMPT, 1)
    await log.append(event("told"))
    disk.full = True
    waiting = [asyncio.ensure_future(log.append(event("never"))) for _ in range(2)]
    await tried(disk, 2)

    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    log.ack(1)

    async with asyncio.timeout(20):
        await log.drained()
    assert (log.last_sequence, log.given_sequence) == (1, 3)
    disk.full = False
    await log.append(event("later"))
    box.close()
    assert told(tmp_path) == {ATTEMPT: ["told", "later"]}
    assert not box.blocked


async def test_what_was_to_go_with_an_entry_that_nobody_waits_for_goes_with_it(tmp_path, box, disk):
    log = box.hold(ATTEMPT, 1)
    await log.append(event("told"))
    disk.full = True
    await log.append_soon(event("never"))
    waiting = asyncio.ensure_future(log.append(event("nor this")))
    await tried(disk, 2)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    log.ack(1)

    async with asyncio.timeout(20):
        await log.drained()
    disk.full = False
    await log.append(event("later"))
    box.close()
    assert told(tmp_path) == {ATTEMPT: ["told", "later"]}


async def test_what_is_to_be_written_soon_waits_for_room(tmp_path, box, disk):
    log = box.hold(ATTEMPT, 1)
    await log.append(event("told"))
    disk.full = True
    await log.append_soon(event("soon"))
    await tried(disk, 2)

    disk.full = False
    await log.append(event("later"))
    box.close()
    assert told(tmp_path) == {ATTEMPT: ["told", "soon", "later"]}


async def test_long_content_waits_for_room_too(box, disk):
    log = box.hold(ATTEMPT, 1)
    disk.full = True
    waiting = asyncio.ensure_future(log.append(event(content=b"x" * 100_000)))
    await tried(disk, 3)
    assert box.blocked

    disk.full = False

    async with asyncio.timeout(20):
        await waiting
    assert (log.last_sequence, box.blocked) == (1, False)


async def test_long_content_that_nobody_waits_for_any_more_fails_quietly(box, disk):
    log = box.hold(ATTEMPT, 1)
    told_of = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told_of.append(context))
    disk.full = True
    waiting = asyncio.ensure_future(log.append(event(content=b"x" * 100_000)))
    await asyncio.sleep(0)
    waiting.cancel()
    await tried(disk, 1)
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(0.02)
    gc.collect()

    assert told_of == []


async def test_an_attempt_that_breaks_while_it_waits_for_others_room_hears_of_it(tmp_path):
    box = Outbox(tmp_path, limits=AheadLimits(host_bytes=1000))
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await other.append(event("x" * 900))
    waiting = asyncio.ensure_future(log.append(event("y" * 500)))
    await asyncio.sleep(0)

    log.refuse("no")

    async with asyncio.timeout(20):
        with pytest.raises(OutboxError, match="refuses"):
            await waiting
    assert not box.blocked


async def test_a_segment_that_found_no_room_leaves_nothing_behind(tmp_path, box, disk):
    disk.full = True  # before anything is written, which is at once
    log = box.hold(ATTEMPT, 1)
    await tried(disk, 3)
    disk.full = False
    async with asyncio.timeout(20):
        await log.noted()

    opened = [path.resolve() for path in Path("/proc/self/fd").iterdir() if path.exists()]
    assert [path for path in opened if path.parent == tmp_path] == paths(tmp_path)
    assert len(paths(tmp_path)) == 1


async def test_an_event_larger_than_all_room_goes_alone(tmp_path):
    log = Outbox(tmp_path, limits=AheadLimits(attempt_bytes=100, host_bytes=100)).hold(ATTEMPT, 1)

    async with asyncio.timeout(20):
        await log.append(event("x" * 500))


async def test_one_who_no_longer_waits_for_the_note_keeps_no_other_from_it(box):
    log = box.hold(ATTEMPT, 1)
    first = asyncio.ensure_future(log.noted())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    await box.hold(ATTEMPT, 1).noted()


async def test_a_forgotten_attempt_frees_the_runner(box, disk):
    log = box.hold(ATTEMPT, 1)
    disk.full = True
    waiting = asyncio.ensure_future(log.append(event("x")))
    await tried(disk, 1)

    box.forget(ATTEMPT)

    with pytest.raises(OutboxError):
        await waiting
    async with asyncio.timeout(20):
        while box.blocked:
            await asyncio.sleep(0.005)


async def test_a_disk_that_breaks_while_it_is_full_ends_the_log(tmp_path, box, disk):
    log = box.hold(ATTEMPT, 1)
    await log.append(event("told"))
    disk.full = True
    waiting = asyncio.ensure_future(log.append(event("x")))
    await tried(disk, 2)
    disk.broken = True

    with pytest.raises(OutboxError, match="see to the disk"):
        await waiting
    box.close()
    assert told(tmp_path) == {ATTEMPT: ["told"]}


async def test_what_was_forgotten_while_the_disk_was_full_stays_so(tmp_path, box, disk):
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await asyncio.gather(log.noted(), other.noted())
    disk.full = True
    box.forget(ATTEMPT)
    waiting = asyncio.ensure_future(other.append(event("x")))
    await tried(disk, 2)

    disk.full = False

    async with asyncio.timeout(20):
        await waiting
    box.close()
    assert told(tmp_path) == {OTHER: ["x"]}
