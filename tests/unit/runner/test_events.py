"""Whatever happens to the stream, the scheduler ends up with every event once and in order."""

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration

from errand.v1 import event_pb2
from errand.v1.runner_pb2 import VERDICT_STOP, AttemptVerdict, Directives
from errand_common.errors import Unavailable, Unimplemented
from errand_runner.batches import BATCH_BYTES
from errand_runner.bisection import LIMIT
from errand_runner.outbox import EVENT_BYTES, Outbox, OutboxError
from tests.unit.runner.scheduler_double import SchedulerDouble
from tests.unit.runner.streaming import attempt, drained, event, sending

ATTEMPT, OTHER = attempt(0), attempt(1)


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


async def append(log, count, size=10):
    for _ in range(count):
        await log.append(event("x" * size))


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def whole(double):
    """The numbers of what is stored, in the order in which it was."""
    return {attempt_id: list(events) for attempt_id, events in double.events.items()}


async def test_events_of_several_attempts_arrive_whole(box):
    double = SchedulerDouble()
    logs = [box.hold(ATTEMPT, 1), box.hold(OTHER, 1)]
    async with sending(double, box):
        for log in logs:
            await append(log, 50)
        await drained(*logs)

    assert whole(double) == {ATTEMPT: list(range(1, 51)), OTHER: list(range(1, 51))}


class Slow(SchedulerDouble):
    """Answers when it is told to."""

    def __init__(self):
        super().__init__()
        self.answers = asyncio.Event()

    async def _called(self, method):
        if method == "StreamEvents":
            await self.answers.wait()
        await super()._called(method)


async def test_what_comes_while_a_small_request_is_under_way_goes_together(box):
    double = Slow()
    logs = [box.hold(ATTEMPT, 1), box.hold(OTHER, 1)]
    async with sending(double, box):
        await append(logs[0], 1)
        await until(lambda: double.requests)
        for log in logs:
            await append(log, 10)
        double.answers.set()
        await drained(*logs)

    assert [sum(len(batch.events) for batch in request.batches) for request in double.requests] == [1, 20]


async def test_what_was_not_acknowledged_is_sent_again(box):
    double = SchedulerDouble()
    double.drop_acks = 3
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 20)
        await drained(log)

    assert whole(double) == {ATTEMPT: list(range(1, 21))}


async def test_a_gap_is_filled_from_the_last_acknowledged_event(box):
    double = SchedulerDouble()
    double.lose_batches = 1
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 3)
        await double.until(lambda: double.lost)
        await append(log, 1)
        await drained(log)

    assert whole(double) == {ATTEMPT: [1, 2, 3, 4]}


async def test_a_batch_of_which_no_answer_said_anything_is_sent_again(box):
    double = SchedulerDouble()
    double.lose_batches = 2
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 1)
        await drained(log)

    assert whole(double) == {ATTEMPT: [1]}


async def test_a_gap_that_cannot_be_filled_ends_the_attempt(box):
    double = SchedulerDouble()
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 3)
        await drained(log)
        double.events[ATTEMPT].clear()
        await append(log, 1)
        await drained(log)

    assert "no longer has events" in str(log.broken)


async def test_a_batch_never_outgrows_the_contract(box):
    double = SchedulerDouble()
    logs = [box.hold(attempt(number), 1) for number in range(5)]
    for log in logs:
        await append(log, 4, size=400_000)
    async with sending(double, box):
        await drained(*logs)

    assert whole(double) == {log.attempt_id: [1, 2, 3, 4] for log in logs}
    assert all(request.ByteSize() < BATCH_BYTES + EVENT_BYTES // 100 for request in double.requests)


async def test_an_attempt_that_floods_does_not_hold_up_the_others(box):
    double = SchedulerDouble()
    flood, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await append(flood, 600, size=2_000)
    await append(other, 1, size=5_000)
    async with sending(double, box):
        await drained(flood, other)

    assert [batch.attempt.attempt_id for batch in double.requests[0].batches] == [ATTEMPT, OTHER]


async def test_an_attempt_that_is_over_is_told_to_its_worker(box):
    double = SchedulerDouble()
    double.refusals[ATTEMPT] = "LEASE_SUPERSEDED"
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box) as line:
        await append(log, 1)
        await until(lambda: line.superseded)

    assert line.superseded[0] == ATTEMPT


async def test_an_event_that_is_refused_for_good_ends_its_attempt_and_no_other(box):
    double = SchedulerDouble()
    double.refusals[ATTEMPT] = "INVALID"
    refused, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    async with sending(double, box):
        await append(refused, 1)
        await append(other, 1)
        await drained(refused, other)
        with pytest.raises(OutboxError, match="refuses what the attempt tells"):
            await append(refused, 1)
        await append(other, 1)
        await drained(other)

    assert refused.last_sequence == 0
    assert whole(double)[OTHER] == [1, 2]


async def test_a_bug_in_the_scheduler_is_borne_a_few_times(box):
    double = SchedulerDouble()
    double.passing[ATTEMPT] = ["INTERNAL"] * (LIMIT - 1)
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 3)
        await drained(log)

    assert whole(double) == {ATTEMPT: [1, 2, 3]}
    assert log.broken is None


async def test_a_bug_that_stays_ends_the_attempt_that_meets_it_and_no_other(box):
    double = SchedulerDouble()
    double.refusals[ATTEMPT] = "INTERNAL"
    sick, other = box.hold(ATTEMPT, 1), box.hold(OTHER, 1)
    await append(sick, 3)
    await append(other, 3)
    async with sending(double, box) as line:
        await drained(other)
        await drained(sick)
        await append(other, 1)
        await drained(other)

    assert sick.broken is not None
    assert whole(double)[OTHER] == [1, 2, 3, 4]
    assert line.errors == []
    tries = [request for request in double.requests if any(b.attempt.attempt_id == ATTEMPT for b in request.batches)]
    assert len(tries) >= LIMIT


async def test_a_scheduler_without_room_is_waited_for_however_long(box):
    double = SchedulerDouble()
    double.passing[ATTEMPT] = ["EXHAUSTED", "UNAVAILABLE"] * 2
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 1)
        await drained(log)

    assert (whole(double), log.broken) == ({ATTEMPT: [1]}, None)


async def test_a_line_that_breaks_again_and_again_blames_no_event(box):
    double = SchedulerDouble()
    double.failures["StreamEvents"] = [Unavailable("stopping")] * (3 * LIMIT)
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box) as line:
        await append(log, 2)
        await drained(log)

    assert len(line.errors) == 3 * LIMIT
    assert (whole(double), log.broken) == ({ATTEMPT: [1, 2]}, None)


async def test_a_scheduler_that_knows_no_such_stream_is_final(box):
    log = box.hold(ATTEMPT, 1)
    await append(log, 1)
    async with sending(None, box) as line:
        # On a busy host a first connection may fail, which is another error.
        await until(lambda: sum(isinstance(error, Unimplemented) for error in line.errors) > LIMIT)

    assert log.broken is None


async def test_the_scheduler_sets_the_pace(box):
    double = SchedulerDouble()
    double.directives = Directives(pace=Duration(nanos=150_000_000))
    log = box.hold(ATTEMPT, 1)
    loop = asyncio.get_running_loop()
    async with sending(double, box):
        await append(log, 1)
        await drained(log)
        began_s = loop.time()
        for _ in range(3):
            await append(log, 1)
            await drained(log)

    assert loop.time() - began_s > 0.25


async def test_what_the_scheduler_wants_is_heard_with_every_ack(box):
    double = SchedulerDouble()
    double.directives = Directives(verdicts=[AttemptVerdict(verdict=VERDICT_STOP)])
    heard: list[Directives] = []
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box) as line:
        line.dispatch.on_directives = heard.append
        await append(log, 1)
        await until(lambda: heard)

    assert heard[0].verdicts[0].verdict == VERDICT_STOP


async def test_words_that_come_together_travel_together(box):
    double = SchedulerDouble()
    async with sending(double, box) as line:
        offset = 0
        for word in ("I ", "will ", "look."):
            line.deltas.add(
                event_pb2.Delta(subject_id="msg_1", kind=event_pb2.DELTA_KIND_TEXT, text=word, offset=offset)
            )
            offset += len(word)
        line.deltas.add(event_pb2.Delta(subject_id="toolu_1", kind=event_pb2.DELTA_KIND_OUTPUT, text="ok"))
        await double.until(lambda: "".join(delta.text for delta in double.deltas) == "I will look.ok")

    assert [delta.subject_id for delta in double.deltas][-1] == "toolu_1"
    assert len(double.deltas) < 4


async def test_words_pause_and_events_do_not_wait_for_that(box):
    double = SchedulerDouble()
    log = box.hold(ATTEMPT, 1)
    answered: list[Directives] = []
    async with sending(double, box, delta_pause_s=3600) as line:
        line.dispatch.on_directives = answered.append
        line.deltas.add(event_pb2.Delta(subject_id="msg_1", text="I "))
        await until(lambda: answered)
        line.deltas.add(event_pb2.Delta(subject_id="msg_2", text="will "))
        await until(lambda: not box.changed.is_set())
        await append(log, 1)
        await drained(log)

    assert [(len(request.deltas), len(request.batches)) for request in double.requests] == [(1, 0), (1, 1)]


async def test_words_go_on_after_their_pause(box):
    double = SchedulerDouble()
    async with sending(double, box, delta_pause_s=0.01) as line:
        for number in range(3):
            line.deltas.add(event_pb2.Delta(subject_id=f"msg_{number}", text="I "))
            await double.until(lambda: len(double.deltas) == number + 1)  # noqa: B023 - read at once

    assert len(double.requests) == 3


async def test_a_flood_of_words_never_makes_a_message_that_nobody_takes(box):
    double = SchedulerDouble()
    async with sending(double, box) as line:
        for number in range(400):
            line.deltas.add(event_pb2.Delta(subject_id=f"msg_{number}", text="€" * 4096))
        await double.until(lambda: len(double.deltas) == 400)

    assert line.errors == []
