"""An attempt that a runner took always comes to an end that the scheduler hears of."""

import asyncio

import pytest

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Exhausted, Internal, Unavailable
from errand_runner.outbox import Outbox
from tests.unit.runner.scheduler_double import SchedulerDouble
from tests.unit.runner.working import ATTEMPT, DONE, NEXT, Work, assigned, gone, working


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


@pytest.fixture
def work():
    return Work()


async def test_a_bug_in_an_attempt_fails_that_attempt_alone(box):
    async def broken(assignment, inbox, log, runner_id):
        raise ZeroDivisionError

    double = SchedulerDouble()
    async with working(double, box, broken) as worker:
        worker.want(assigned())
        await double.until(lambda: double.outcomes)

    outcome = double.outcomes[0]
    assert (outcome.phase, outcome.failure_reason) == (
        task_pb2.ATTEMPT_PHASE_FAILED,
        task_pb2.FAILURE_REASON_INTERNAL,
    )


async def test_an_attempt_whose_events_were_refused_never_succeeds(box):
    async def told(assignment, inbox, log, runner_id):
        await log.append(pb.AttemptEvent())
        log.refuse("it is too large")
        return DONE

    double = SchedulerDouble()
    async with working(double, box, told) as worker:
        worker.want(assigned())
        await double.until(lambda: double.outcomes)

    assert double.outcomes[0].phase == task_pb2.ATTEMPT_PHASE_FAILED
    assert "it is too large" in double.outcomes[0].reason


async def test_a_stop_is_told_though_nobody_takes_the_events(box):
    written = asyncio.Event()

    async def working_on(assignment, inbox, log, runner_id):
        await log.append(pb.AttemptEvent())
        written.set()
        await asyncio.Event().wait()

    double = SchedulerDouble()
    async with working(double, box, working_on, stop_s=0.05) as worker:
        worker.want(assigned())
        async with asyncio.timeout(10):
            await written.wait()
        worker.want(assigned(task_pb2.ATTEMPT_PHASE_STOPPING, pb.DESIRED_STATE_STOP))
        await double.until(lambda: double.outcomes)
        await gone(worker)

    assert double.outcomes[0].phase == task_pb2.ATTEMPT_PHASE_CANCELLED


async def test_a_stop_of_an_attempt_whose_events_were_refused_is_a_stop(box):
    written = asyncio.Event()

    async def working_on(assignment, inbox, log, runner_id):
        await log.append(pb.AttemptEvent())
        written.set()
        await asyncio.Event().wait()

    double = SchedulerDouble()
    async with working(double, box, working_on) as worker:
        worker.want(assigned())
        async with asyncio.timeout(10):
            await written.wait()
        box.logs[ATTEMPT].refuse("it is too large")
        worker.want(assigned(task_pb2.ATTEMPT_PHASE_STOPPING, pb.DESIRED_STATE_STOP))
        await double.until(lambda: double.outcomes)

    # There was something to tell, which nobody will ever have.
    assert (double.outcomes[0].phase, double.outcomes[0].last_sequence) == (task_pb2.ATTEMPT_PHASE_CANCELLED, 1)


@pytest.mark.parametrize("refused", [False, True])
async def test_an_attempt_ends_though_the_scheduler_lost_events_that_it_acknowledged(box, refused):
    class Restored(SchedulerDouble):
        async def FinishAttempts(self, request, context):
            gap = request.outcomes[0].last_sequence > 0
            self.refusals = {ATTEMPT: "EVENT_GAP"} if gap else {}
            return await super().FinishAttempts(request, context)

    async def told(assignment, inbox, log, runner_id):
        await log.append(pb.AttemptEvent())
        await log.append(pb.AttemptEvent())
        log.ack(1)
        if refused:
            log.refuse("it no longer has events that it acknowledged")
        log.ack(2)
        return DONE

    double = Restored()
    async with working(double, box, told) as worker:
        worker.want(assigned())
        await double.until(lambda: any(outcome.last_sequence == 0 for outcome in double.outcomes))
        await gone(worker)

    outcome = double.outcomes[-1]
    assert (outcome.phase, outcome.failure_reason) == (
        task_pb2.ATTEMPT_PHASE_FAILED,
        task_pb2.FAILURE_REASON_INTERNAL,
    )
    assert "no longer has events that it acknowledged" in outcome.reason
    assert [each.last_sequence for each in double.outcomes] == ([0] if refused else [2, 0])


async def test_an_end_is_repeated_until_it_is_answered(box, work):
    double = SchedulerDouble()
    double.failures["FinishAttempts"] = [Unavailable("away"), Exhausted("full"), Internal("a bug that passes")]
    work.go_on.set()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await double.until(lambda: double.outcomes)
        await gone(worker)

    assert len(double.outcomes) == 1


async def test_an_end_that_is_being_told_is_not_given_up_when_the_attempt_is_no_longer_wanted(box, work):
    double = SchedulerDouble()
    double.answering.clear()
    work.go_on.set()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await double.until(lambda: double.outcomes)
        worker.want({})
        for _ in range(3):
            await asyncio.sleep(0)
        assert worker.attempts
        double.answering.set()
        await gone(worker)


async def test_an_attempt_that_is_over_is_not_begun_again_by_a_change_that_was_on_its_way(box, work):
    double = SchedulerDouble()
    work.go_on.set()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await double.until(lambda: double.outcomes)
        await gone(worker)
        worker.want(assigned() | assigned(attempt_id=NEXT))
        await double.until(lambda: len(double.outcomes) == 2)
        await gone(worker)

    assert double.accepted == [ATTEMPT, NEXT]


async def test_what_the_next_session_wants_is_told_of_though_it_was_over_in_the_last(box, work):
    double = SchedulerDouble()
    work.go_on.set()
    async with working(double, box, work) as worker:
        worker.want(assigned())
        await double.until(lambda: double.outcomes)
        await gone(worker)
        await worker.begin("rnr_1")
        worker.want(assigned(phase=task_pb2.ATTEMPT_PHASE_RUNNING))
        await double.until(lambda: len(double.outcomes) == 2)

    assert double.outcomes[1].failure_reason == task_pb2.FAILURE_REASON_RUNNER_LOST


async def test_what_an_earlier_process_left_of_a_stopped_attempt_goes_before_its_end_is_told(box, work):
    box.hold(ATTEMPT, 1)
    double = SchedulerDouble()
    ended_at_clearing = []

    async def clear(runner_id):
        ended_at_clearing.append(list(double.outcomes))

    async with working(double, box, work, clear=clear) as worker:
        worker.want(assigned(task_pb2.ATTEMPT_PHASE_STOPPING, pb.DESIRED_STATE_STOP))
        await gone(worker)

    assert ended_at_clearing == [[]]
    assert [outcome.phase for outcome in double.outcomes] == [task_pb2.ATTEMPT_PHASE_CANCELLED]
    assert not work.runs


async def test_a_runner_that_lost_its_folder_says_so_and_never_starts_over(box, work):
    double = SchedulerDouble()
    async with working(double, box, work) as worker:
        worker.want(assigned(phase=task_pb2.ATTEMPT_PHASE_RUNNING))
        await double.until(lambda: double.outcomes)

    assert work.runs == 0
    assert double.outcomes[0].failure_reason == task_pb2.FAILURE_REASON_RUNNER_LOST
