"""Whatever happens to the stream, the scheduler ends up with every event once and in order."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from errand.v1 import event_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common.errors import ErrandError
from errand_runner.dispatch import Dispatch
from errand_runner.events import Deltas, EventStream
from errand_runner.outbox import Outbox, OutboxError
from tests.unit.runner.scheduler_double import SchedulerDouble, serving

ATTEMPT = "att_" + "0" * 26
OTHER = "att_" + "1" * 26


def record(sequence, size=10):
    body = event_pb2.EventBody(step_finished=event_pb2.StepFinished())
    return AttemptEvent(sequence=sequence, body=body, prefix=b"x" * size).SerializeToString()


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


@asynccontextmanager
async def sending(double, box, *, superseded=None):
    """A stream that is opened again whenever it ends, as a session does."""

    async def run(stub):
        while True:
            try:
                await EventStream(
                    Dispatch(stub, "token", random.Random(0)),
                    session_id="ses_1",
                    outbox=box,
                    deltas=deltas,
                    on_superseded=(superseded if superseded is not None else []).append,
                ).run()
            except ErrandError:
                await asyncio.sleep(0.01)

    deltas = Deltas(box.changed)
    async with serving(double) as stub, asyncio.TaskGroup() as group:
        line = group.create_task(run(stub))
        yield deltas
        line.cancel()


async def append(log, count, size=10):
    for _ in range(count):
        await log.append(record(log.next_sequence, size))


async def drained(*logs):
    async with asyncio.timeout(10):
        for log in logs:
            await log.drained()


async def test_events_of_several_attempts_arrive_whole(box):
    double = SchedulerDouble()
    logs = [box.hold(ATTEMPT, 1), box.hold(OTHER, 1)]
    async with sending(double, box):
        for log in logs:
            await append(log, 50)
        await drained(*logs)

    assert {key: sorted(value) for key, value in double.events.items()} == {
        ATTEMPT: list(range(1, 51)),
        OTHER: list(range(1, 51)),
    }


async def test_what_was_not_acknowledged_is_sent_again(box):
    double = SchedulerDouble()
    double.drop_acks = 3
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 20)
        await drained(log)

    assert sorted(double.events[ATTEMPT]) == list(range(1, 21))


async def test_a_gap_is_filled_from_the_last_acknowledged_event(box):
    double = SchedulerDouble()
    double.lose_batches = 1
    log = box.hold(ATTEMPT, 1)
    async with sending(double, box):
        await append(log, 3)
        await double.until(lambda: double.lost)
        await append(log, 1)
        await drained(log)

    assert sorted(double.events[ATTEMPT]) == [1, 2, 3, 4]


async def test_a_batch_never_outgrows_the_contract(box):
    double = SchedulerDouble()
    log = box.hold(ATTEMPT, 1)
    await append(log, 12, size=400_000)
    async with sending(double, box):
        await drained(log)

    assert sorted(double.events[ATTEMPT]) == list(range(1, 13))


async def test_an_attempt_that_is_over_is_told_to_its_worker(box):
    double = SchedulerDouble()
    double.refusals[ATTEMPT] = "LEASE_SUPERSEDED"
    log = box.hold(ATTEMPT, 1)
    superseded: list[str] = []
    async with sending(double, box, superseded=superseded):
        await append(log, 1)
        async with asyncio.timeout(10):
            while not superseded:
                await asyncio.sleep(0.01)

    assert superseded == [ATTEMPT]


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
    assert sorted(double.events[OTHER]) == [1, 2]


async def test_words_that_come_together_travel_together(box):
    double = SchedulerDouble()
    async with sending(double, box) as deltas:
        for word in ("I ", "will ", "look."):
            deltas.add(event_pb2.Delta(subject_id="msg_1", kind=event_pb2.DELTA_KIND_TEXT, text=word))
        deltas.add(event_pb2.Delta(subject_id="toolu_1", kind=event_pb2.DELTA_KIND_OUTPUT, text="ok"))
        await double.until(lambda: "".join(delta.text for delta in double.deltas) == "I will look.ok")

    assert [delta.subject_id for delta in double.deltas][-1] == "toolu_1"
    assert len(double.deltas) < 4
