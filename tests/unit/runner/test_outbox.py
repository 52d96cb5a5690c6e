"""What is appended is on disk, in order, until it is acknowledged and forgotten."""

import asyncio

import pytest

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox import EVENT_BYTES, AheadLimits, Outbox, OutboxError
from tests.unit.runner.outboxes import ATTEMPT, OTHER, told, write
from tests.unit.runner.streaming import attempt, event


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
