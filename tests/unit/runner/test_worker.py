"""What the scheduler wants of an attempt happens, once."""

import asyncio

import pytest

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Exhausted, Internal
from errand_runner.agent.leaving import Stopper
from errand_runner.outbox import Outbox
from tests.unit.runner.scheduler_double import SchedulerDouble
from tests.unit.runner.working import ATTEMPT, Work, assigned, gone, started, working


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


@pytest.fixture
def work():
    return Work()


async def test_an_offer_is_written_down_accepted_worked_on_and_finished(box, work):
    double = SchedulerDouble()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await started(work)
        assert double.accepted == [ATTEMPT]
        assert list(box.logs) == [ATTEMPT]
        assert worker.attempts == ((ATTEMPT, 1),)
        work.go_on.set()
        await double.until(lambda: double.outcomes)
        await gone(worker)

    assert [outcome.phase for outcome in double.outcomes] == [task_pb2.ATTEMPT_PHASE_SUCCEEDED]


async def test_wanting_the_same_again_changes_nothing(box, work):
    async with working(SchedulerDouble(), box, work) as worker:
        worker.want(assigned())
        await started(work)
        worker.want(assigned(phase=task_pb2.ATTEMPT_PHASE_RUNNING))
        await asyncio.sleep(0)

        assert work.runs == 1


async def test_later_inputs_reach_the_attempt_at_work_once(box, work):
    async with working(SchedulerDouble(), box, work) as worker:
        worker.want(assigned(inputs=["inp_1"]))
        await started(work)
        assert [each.input_id for each in work.inbox.take()] == ["inp_1"]
        for _ in range(2):
            worker.want(assigned(phase=task_pb2.ATTEMPT_PHASE_RUNNING, inputs=["inp_1", "inp_2"]))

        assert [each.input_id for each in work.inbox.take()] == ["inp_2"]


async def test_a_stop_wins_over_what_is_written_with_it(box, work):
    async with working(SchedulerDouble(), box, work) as worker:
        worker.want(assigned())
        await started(work)
        worker.want(assigned(task_pb2.ATTEMPT_PHASE_STOPPING, pb.DESIRED_STATE_STOP, inputs=["inp_2"]))
        await gone(worker)

    assert work.cancelled
    assert work.inbox.take() == []


async def test_a_full_scheduler_is_asked_again(box, work):
    double = SchedulerDouble()
    double.failures["AcceptAttempts"] = [Exhausted("too much at once")]
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await started(work)


async def test_an_offer_that_cannot_be_taken_puts_down_that_attempt_alone(box, work):
    double = SchedulerDouble()
    double.failures["AcceptAttempts"] = [Internal("a bug")]
    async with working(double, box, work) as worker:
        async with asyncio.timeout(10):
            while not work.started.is_set():
                worker.want(assigned())
                await asyncio.sleep(0.01)

    assert double.accepted == [ATTEMPT]


async def test_an_offer_that_is_gone_is_forgotten_without_work(box, work):
    double = SchedulerDouble()
    double.refusals[ATTEMPT] = "LEASE_SUPERSEDED"
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await gone(worker)

    assert (work.runs, double.outcomes) == (0, [])


async def test_a_stop_ends_the_work_and_is_told(box, work):
    double = SchedulerDouble()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await started(work)
        worker.want(assigned(task_pb2.ATTEMPT_PHASE_STOPPING, pb.DESIRED_STATE_STOP))
        await double.until(lambda: double.outcomes)
        await gone(worker)

    assert work.cancelled
    assert [outcome.phase for outcome in double.outcomes] == [task_pb2.ATTEMPT_PHASE_CANCELLED]


@pytest.mark.parametrize(
    ("cause", "stopper"),
    [
        (pb.STOP_CAUSE_PERSON, Stopper.PERSON),
        (pb.STOP_CAUSE_DEADLINE, Stopper.TIME),
        (pb.STOP_CAUSE_DRAIN, Stopper.DRAIN),
        (pb.STOP_CAUSE_UNSPECIFIED, Stopper.PERSON),
    ],
)
async def test_a_stop_by_heartbeat_does_the_same_and_says_whose_it_is(box, work, cause, stopper):
    double = SchedulerDouble()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await started(work)
        ref = pb.AttemptRef(attempt_id=ATTEMPT, fence=1)
        worker.on_verdicts([pb.AttemptVerdict(attempt=ref, verdict=pb.VERDICT_STOP, stop_cause=cause)])
        await double.until(lambda: double.outcomes)

    assert double.outcomes[0].phase == task_pb2.ATTEMPT_PHASE_CANCELLED
    assert work.inbox.stopper is stopper


async def test_an_attempt_that_is_no_longer_wanted_ends_in_silence(box, work):
    double = SchedulerDouble()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await started(work)
        worker.want({})
        await gone(worker)

    assert work.cancelled
    assert double.outcomes == []


async def test_a_restarted_runner_takes_up_what_it_wrote_down(tmp_path, work):
    double = SchedulerDouble()
    async with working(double, Outbox(tmp_path), work) as worker:
        worker.want(assigned())
        await started(work)
    assert double.outcomes == []

    again = Work()
    async with working(double, Outbox(tmp_path), again) as worker:
        assert [held.attempt.attempt_id for held in worker.held_attempts()] == [ATTEMPT]
        worker.want(assigned(phase=task_pb2.ATTEMPT_PHASE_RUNNING))
        await started(again)
        again.go_on.set()
        await double.until(lambda: double.outcomes)

    assert double.accepted == [ATTEMPT]
    assert double.outcomes[0].phase == task_pb2.ATTEMPT_PHASE_SUCCEEDED
