"""Long content is on disk before its event, with the scheduler before its event, and gone when nobody needs it."""

import asyncio
import hashlib

import pytest

from errand.v1 import task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common.errors import Conflict, Exhausted, Internal, Unavailable
from errand_runner.bisection import LIMIT
from errand_runner.outbox import AheadLimits, Outbox, OutboxError
from errand_runner.outbox.blobs import BLOB_BYTES, INLINE_BYTES
from tests.unit.runner.scheduler_double import SchedulerDouble
from tests.unit.runner.streaming import attempt, drained, event, sending

ATTEMPT, OTHER = attempt(0), attempt(1)
LONG = b"l" * 700_000


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


def name_of(content):
    return hashlib.sha256(content).hexdigest()


def tool_call(given, output):
    return AttemptEvent(tool_call=task_pb2.ToolCall(input=given, output=output))


def files(folder):
    return sorted(path.name for path in (folder / "blobs").rglob("*") if path.is_file())


async def settled(box):
    """Return once the disk has done what was asked."""
    await box.hold(attempt(99), 1).append(event("last"))


async def test_long_content_leaves_its_event_for_a_file(tmp_path, box):
    log = box.hold(ATTEMPT, 1)
    await log.append(event(content=LONG))
    await log.append(event(content=b"s" * INLINE_BYTES))
    box.close()

    long, short = [AttemptEvent.FromString(record) for record in Outbox(tmp_path).logs[ATTEMPT].recovered]
    assert (long.message.content, long.message.content_blob.sha256) == (b"", name_of(LONG))
    assert long.message.content_blob.size_bytes == len(LONG)
    assert short.message.content == b"s" * INLINE_BYTES
    assert (tmp_path / "blobs" / ATTEMPT / name_of(LONG)).read_bytes() == LONG


async def test_it_arrives_before_its_event(box):
    double = SchedulerDouble()
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await log.append(event("before"))
        await log.append(tool_call(LONG, b"o" * 100_000))
        await log.append(event("after"))
        await drained(log)

    assert list(double.events[ATTEMPT]) == [1, 2, 3]
    assert double.blobs == {name_of(LONG): LONG, name_of(b"o" * 100_000): b"o" * 100_000}
    assert double.passing[ATTEMPT] == []
    call = double.events[ATTEMPT][2].tool_call
    assert (call.input_blob.sha256, call.output_blob.sha256) == (name_of(LONG), name_of(b"o" * 100_000))


async def test_the_events_of_others_go_on_while_it_is_put(box):
    double = SchedulerDouble()
    double.failures["PutBlob"] = [Exhausted("busy")] * 1000
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    async with sending(double, box):
        await log.append(event(content=LONG))
        await other.append(event("x"))
        await drained(other)
        assert log.acked_sequence == 0
        double.failures["PutBlob"].clear()
        await drained(log)

    assert log.broken is None


async def test_one_that_the_scheduler_misses_is_put_again(box):
    double = SchedulerDouble()
    double.lose_blobs = 2
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await log.append(event(content=LONG))
        await drained(log)

    assert double.puts == [name_of(LONG)] * 3
    assert (list(double.events[ATTEMPT]), log.broken) == ([1], None)


async def test_one_that_is_missed_for_ever_ends_its_attempt_and_no_other(box):
    double = SchedulerDouble()
    double.lose_blobs = 1000
    log, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    async with sending(double, box):
        await log.append(event(content=LONG))
        await other.append(event("x"))
        await drained(log, other)

    assert log.broken is not None
    assert (list(double.events[OTHER]), other.broken) == ([1], None)
    assert len(double.puts) == LIMIT


async def test_a_file_that_went_bad_ends_its_attempt(tmp_path, box):
    double = SchedulerDouble()
    log = box.hold(ATTEMPT, 1)
    await log.append(event(content=LONG))
    (tmp_path / "blobs" / ATTEMPT / name_of(LONG)).write_bytes(b"bad")
    async with sending(double, box):
        await drained(log)

    assert "not what its name says" in str(log.broken)


async def test_a_bug_in_the_scheduler_is_borne_a_few_times(box):
    double = SchedulerDouble()
    double.failures["PutBlob"] = [Internal("oops")] * (LIMIT - 1)
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box) as line:
        await log.append(event(content=LONG))
        await drained(log)

    assert (log.broken, line.errors) == (None, [])


async def test_an_attempt_that_is_over_is_told_to_its_worker(box):
    double = SchedulerDouble()
    double.failures["PutBlob"] = [Conflict("gone", reason="LEASE_SUPERSEDED")] * 3
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box) as line:
        await log.append(event(content=LONG))
        await drained(log)

    assert line.superseded[0] == ATTEMPT


async def test_another_session_ends_this_one(box):
    double = SchedulerDouble()
    double.failures["PutBlob"] = [Conflict("other", reason="SESSION_SUPERSEDED"), Unavailable("later")]
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box) as line:
        await log.append(event(content=LONG))
        await drained(log)

    assert [error.reason for error in line.errors] == ["SESSION_SUPERSEDED"]


async def test_it_is_gone_once_its_last_event_is_safe(tmp_path, box):
    log = box.hold(ATTEMPT, 1)
    await log.append(tool_call(LONG, b""))
    await log.append(tool_call(LONG, b"o" * 100_000))
    log.ack(1)
    await settled(box)
    assert files(tmp_path) == sorted([name_of(LONG), name_of(b"o" * 100_000)])

    log.ack(2)
    await settled(box)

    assert files(tmp_path) == []


@pytest.mark.parametrize("end", ["refuse", "forget"])
async def test_nothing_is_left_of_an_attempt_that_is_over(tmp_path, box, end):
    log = box.hold(ATTEMPT, 1)
    await log.append(event(content=LONG))
    if end == "refuse":
        log.refuse("no")
    else:
        box.forget(ATTEMPT)
    await settled(box)

    assert files(tmp_path) == []


async def test_the_next_process_puts_what_is_not_safe_and_removes_the_rest(tmp_path, box):
    log = box.hold(ATTEMPT, 1)
    await log.append(event(content=LONG))
    box.close()
    for stray in (tmp_path / "blobs" / ATTEMPT / "stray", tmp_path / "blobs" / OTHER / "stray"):
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"of a crash before its event")

    double, again = SchedulerDouble(), Outbox(tmp_path)
    assert files(tmp_path) == [name_of(LONG)]
    async with sending(double, again):
        await drained(again.logs[ATTEMPT])

    assert double.blobs == {name_of(LONG): LONG}


async def test_what_was_safe_before_a_restart_is_not_missed_after_it(tmp_path, box):
    double = SchedulerDouble()
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await log.append(event(content=LONG))
        await drained(log)
        await settled(box)
    box.close()
    double.puts.clear()

    again = Outbox(tmp_path)
    async with sending(double, again):
        await again.logs[ATTEMPT].append(event("more"))
        await drained(again.logs[ATTEMPT])

    assert (list(double.events[ATTEMPT]), again.logs[ATTEMPT].broken) == ([1, 2], None)


async def test_it_counts_into_what_may_be_unacknowledged(tmp_path):
    log = Outbox(tmp_path, limits=AheadLimits(attempt_bytes=1_000_000)).hold(ATTEMPT, 1)
    await log.append(event(content=LONG))
    second = asyncio.ensure_future(log.append(event(content=LONG)))
    await asyncio.sleep(0.05)
    assert log.last_sequence == 1

    log.ack(1)

    async with asyncio.timeout(20):
        await second


async def test_content_beyond_all_bounds_ends_the_attempt_with_words(box):
    log = box.hold(ATTEMPT, 1)
    with pytest.raises(OutboxError, match="more than the"):
        await log.append(event(content=b"x" * (BLOB_BYTES + 1)))
