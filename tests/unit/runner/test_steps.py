"""Steps of getting started: told at both ends, with what they print; the late ones; time that stands still."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errand.v1 import event_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common.clock import Clock
from errand_common.ids import Ids, is_id
from errand_runner.brake import Brake
from errand_runner.deltas import Deltas
from errand_runner.freezer import Freezer
from errand_runner.lease import Leases
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.steps import StepLate, Steps

ATTEMPT = Ids(Clock()).new("att")
CLONE = event_pb2.STEP_CLONE


class Attempt:
    """As much of one as has steps."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder)
        self.deltas = Deltas(self.outbox.changed)
        self.log = self.outbox.hold(ATTEMPT, 1)
        recorder = Recorder(self.log, self.deltas, task_id="tsk_1")
        leases = Leases(Clock())
        self.freezer = Freezer(ATTEMPT, leases=leases, brake=Brake(leases), clock=Clock(), teller=recorder)
        self.steps = Steps(recorder=recorder, freezer=self.freezer, ids=Ids(Clock()))

    def told(self) -> list[event_pb2.EventBody]:
        return [AttemptEvent.FromString(record.data).body for record in self.log.after(0, limit_bytes=1 << 20)]


@pytest.fixture
async def attempt(tmp_path: Path) -> AsyncGenerator[Attempt]:
    made = Attempt(tmp_path / "outbox")
    yield made
    made.outbox.close()


async def test_a_step_is_told_at_both_ends_and_what_it_says_in_between(attempt: Attempt) -> None:
    async with attempt.steps.step(CLONE, within_s=60) as say:
        say("Receiving objects: 10%\n")
        say("done\n")
    started, finished = attempt.told()
    step_id = started.step_started.step_id
    assert is_id(step_id, "stp")
    assert started.step_started.step == finished.step_finished.step == CLONE
    assert finished.step_finished.step_id == step_id
    (said,) = attempt.deltas.take(limit_bytes=1 << 20)
    assert (said.subject_id, said.kind, said.offset) == (step_id, event_pb2.DELTA_KIND_STEP, 0)
    assert said.text == "Receiving objects: 10%\ndone\n"


async def test_one_that_does_not_end_in_time_is_late_and_has_no_end(attempt: Attempt) -> None:
    with pytest.raises(StepLate, match=r"it did not end within 0\.05 s"):
        async with attempt.steps.step(CLONE, within_s=0.05):
            await asyncio.Event().wait()
    assert [body.WhichOneof("kind") for body in attempt.told()] == ["step_started"]


async def test_one_that_fails_has_no_end(attempt: Attempt) -> None:
    with pytest.raises(KeyError):
        async with attempt.steps.step(CLONE, within_s=60):
            raise KeyError
    assert [body.WhichOneof("kind") for body in attempt.told()] == ["step_started"]


async def test_a_long_limit_is_told_in_minutes(attempt: Attempt) -> None:
    late = attempt.steps.step(CLONE, within_s=900)
    with pytest.raises(StepLate, match="within 15 minutes"):
        async with late:
            raise TimeoutError


async def test_its_time_stands_still_while_the_attempt_does(attempt: Attempt) -> None:
    # The lease never held: the attempt is paused at once, and stays so.
    watching = asyncio.ensure_future(attempt.freezer.watch())
    try:
        while "attempt_frozen" not in [body.WhichOneof("kind") for body in attempt.told()]:
            await asyncio.sleep(0)
        async with attempt.steps.step(CLONE, within_s=0.01):
            await asyncio.sleep(0.1)
    finally:
        watching.cancel()
    assert attempt.told()[-1].WhichOneof("kind") == "step_finished"
