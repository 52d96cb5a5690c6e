"""An attempt that a runner took always comes to an end that the scheduler hears of."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_common.errors import Exhausted, Internal, Unavailable
from errand_common.values import AttemptPhase
from errand_runner.agent.leaving import Stopper
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.lease import Leases
from errand_runner.outbox import Outbox
from errand_runner.worker import Outcome, Worker
from tests.unit.runner.scheduler_double import SchedulerDouble, serving

ATTEMPT = "att_" + "0" * 26
NEXT = "att_" + "1" * 26
DONE = Outcome(AttemptPhase.SUCCEEDED)


def assigned(
    phase=task_pb2.ATTEMPT_PHASE_OFFERED,
    desired_state=pb.DESIRED_STATE_RUN,
    fence=1,
    inputs=(),
    attempt_id=ATTEMPT,
):
    assignment = pb.Assignment(
        attempt=pb.AttemptRef(attempt_id=attempt_id, fence=fence),
        desired_state=desired_state,
        phase=phase,
        inputs=[task_pb2.Input(input_id=input_id) for input_id in inputs],
    )
    return {attempt_id: assignment}


class Work:
    """An attempt's work as a test wants it: it ends when told to, and knows how it was ended."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = False
        self.runs = 0

    async def __call__(self, assignment, inbox, log, runner_id):
        self.runs += 1
        self.inbox = inbox
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return DONE


async def nothing_left(runner_id):
    pass


@asynccontextmanager
async def working(double, box, work, *, stop_s=3.0, clear=nothing_left):
    async with serving(double) as stub, asyncio.TaskGroup() as group:
        dispatch = Dispatch(stub, "token", random.Random(0))
        dispatch.enter("ses_1")
        clock = Clock()
        stop = asyncio.Event()

        worker = Worker(
            dispatch=dispatch,
            outbox=box,
            deltas=Deltas(box.changed),
            leases=Leases(clock),
            clock=clock,
            begin=clear,
            run_attempt=work,
            stop_s=stop_s,
        )
        running = group.create_task(worker.run(stop.wait()))
        await asyncio.sleep(0)
        yield worker
        stop.set()
        await running


async def started(work):
    async with asyncio.timeout(10):
        await work.started.wait()


async def gone(worker):
    async with asyncio.timeout(10):
        while worker.attempts or worker.outbox.logs:
            await asyncio.sleep(0.01)


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
