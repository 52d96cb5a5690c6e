"""What a runner sends comes twice, late, with a gap, or with other words; what it is answered is lost."""

from contextlib import AsyncExitStack

from errand.v1 import event_pb2, runner_pb2
from tests.chaos.fault import fault
from tests.chaos.invariants import finals, read
from tests.chaos.middle import middle
from tests.chaos.observer import check, gapless
from tests.chaos.prompts import began, kind, lines, steps
from tests.chaos.runner_outbox import outbox, sent_again
from tests.chaos.trial import Trial

LOST = 5
ONCE = ("attempt_phase_changed", "pull_request_opened", "work_finished")
"""What is told once of an attempt, of its phases each."""


@fault("T3", "the answer to an acceptance is lost five times")
async def answers_lost(trial: Trial) -> None:
    async with trial.own_home() as home, middle(home.stack) as between:
        await home.reconnect("runner", between.address)
        for _ in trial.rounds(2):
            between.lost["AcceptAttempts"] = LOST
            async with home.watch(steps(0.1, 2)) as observer:
                with trial.recovery(limit_s=15.0):
                    await observer.until(kind("sandbox_opened"))
                trial.injected(LOST - between.lost["AcceptAttempts"])
                assert not between.lost["AcceptAttempts"]
                await check(observer)
                assert len([event for event in observer.events if kind("sandbox_opened")(event)]) == 1
            assert observer.trace() == lines(2)
    trial.checked("one attempt", "one container", "I8")


@fault("T18", "every unary request comes twice at once, and all of them again when all is over, in any order")
async def requests_twice(trial: Trial) -> None:
    async with trial.own_home() as home, middle(home.stack) as between, AsyncExitStack() as watches:
        await home.reconnect("runner", between.address)
        await home.reconnect("gateway", between.address)
        between.twice = True
        observers = [await watches.enter_async_context(home.watch(steps(0.2, 3))) for _ in trial.rounds(4)]
        stopped = await watches.enter_async_context(home.watch("Steps: sleep 600"))
        await stopped.until(kind("tool_call_started"))
        await home.phone.stop(stopped.task)
        for observer in observers:
            await check(observer)
            assert observer.trace() == lines(3)
        assert (await stopped.ended())["status"] == "cancelled"
        await gapless(stopped)
        stories = [(each, list(each.events)) for each in (*observers, stopped)]
        for _, story in stories:
            once = [event for event in story if event["kind"] in ONCE]
            said = [(each["attempt_id"], each["kind"], each["detail"].get("phase")) for each in once]
            assert len(set(said)) == len(said), f"told twice: {said}"
        between.twice = False
        before, record = finals(home.stack), read(home.stack)
        again = list(between.seen)
        trial.chance.shuffle(again)
        # Once a session is opened anew, what comes of the one before is refused for that alone.
        again.sort(key=lambda call: call.method.endswith("/OpenSession"))
        for call in again:
            await between.send_again(call)
        trial.injected(len(again))
        after = read(home.stack)
        assert finals(home.stack) == before, "I5"
        assert after.tasks == record.tasks, "a request that came again changed a task"
        assert after.told == record.told, "I4"
        for each, story in stories:
            assert await home.phone.events(each.task) == story, "a request that came again was told again"
        assert '"method_failed"' not in home.stack.processes.log_of("scheduler").read_text(), "one broke its method"
        assert len({task.task_id for task in after.tasks}) == len(observers) + 1
    trial.checked("no request did anything twice", "I8")


@fault("T19", "an attempt's events come twice, with other words, out of order, and with a gap", quick=True)
async def comes_twice(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(1.0, 3)) as observer:
        await observer.until(began(1))
        ((attempt_id, _, acked),) = observer.attempts()
        stored, (ref, sent) = observer.told(attempt_id)[:acked], outbox(home.stack, attempt_id)
        delayed = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="another story"))
        other = [runner_pb2.AttemptEvent(sequence=event.sequence, body=delayed) for event in sent[:acked]]
        gap = [runner_pb2.AttemptEvent(sequence=acked + 50, body=delayed)]
        answers = await sent_again(home.stack, ref, [sent, other, sent[-1:], gap])
        trial.injected(4)
        assert [answer.error_reason for answer in answers] == ["", "", "", "EVENT_GAP"]
        assert all(answer.acked_sequence >= acked for answer in answers)
        await check(observer)
        assert observer.told(attempt_id)[:acked] == stored
    assert observer.trace() == lines(3)
    trial.checked("a gap is refused", "what came first stays, byte for byte", "I8")
