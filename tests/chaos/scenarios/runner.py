"""The runner dies, stands still, is doubled, or is away for too long."""

import signal
from contextlib import AsyncExitStack

from errand.v1 import event_pb2, runner_pb2
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.observer import check, gapless
from tests.chaos.prompts import began, kind, ran
from tests.chaos.runner_outbox import outbox, sent_again
from tests.chaos.trial import Trial
from tests.e2e.watching import containers, no_container

SHORT_BEAT_S = 0.1
"""Where a scenario is about being lost: a lease freezes after 10.8 s, and is lost after 12 s."""


LONG_STEP = "Steps: touch /tmp/here; sleep 30 && echo 0 >> trace; echo 1 >> trace; test -e /tmp/here && echo 2 >> trace"
"""The long one outlasts the start of all the others. The last leaves no line but in the container of the first."""


@fault("T8", "kill -9 of the runner while its tasks run, restarted at once", quick=True)
async def killed_and_back(trial: Trial) -> None:
    if trial.quick:
        await _killed_and_back(trial, await trial.home(), tasks=1)
        return
    async with trial.own_home(slots=10) as home:
        await _killed_and_back(trial, home, tasks=10)


async def _killed_and_back(trial: Trial, home: Home, *, tasks: int) -> None:
    async with AsyncExitStack() as watches:
        observers = [await watches.enter_async_context(home.watch(LONG_STEP)) for _ in range(tasks)]
        for observer in observers:
            await observer.until(began(0))
        await home.kill("runner")
        trial.injected()
        seen = [observer.events[-1] for observer in observers]
        with trial.recovery(limit_s=10.0 + 2 * tasks):
            await home.start("runner")
            for observer, last in zip(observers, seen, strict=True):
                await observer.until(lambda event: event["kind"] == "tool_call_finished", after=last)
        for observer in observers:
            await check(observer)
            # The interrupted step may have run or not; it is never run again unasked.
            trace = observer.trace()
            assert sorted(set(trace)) == trace, f"a command ran twice: {trace}"
            assert trace[-2:] == ["1", "2"], f"something is missing, or its container is another: {trace}"
            await no_container(observer.task)
    trial.checked("the same containers", "one attempt", "no command ran twice", "I8")


@fault("T9", "the runner is dead for longer than it may be away, then comes back")
async def away_for_too_long(trial: Trial) -> None:
    async with trial.own_home(beat_s=SHORT_BEAT_S) as home, home.watch("Steps: echo 0 >> trace; sleep 600") as observer:
        await observer.until(ran("sleep 600"))
        await home.kill("runner")
        trial.injected()
        lost = await observer.ended()
        assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost"), lost
        told = observer.events[-1]
        assert len(containers(observer.task)) == 1, "whoever could end it is dead"
        with trial.recovery(limit_s=60.0 / 6):
            await home.start("runner")
            await no_container(observer.task)
        assert observer.events[-1] == told, "I5: it told something of an attempt that is over"
        await home.phone.retry(observer.task)
        await observer.until(lambda event: event["detail"].get("status") == "running", after=told)
        await home.phone.stop(observer.task)
        await observer.until(lambda event: event["detail"].get("status") == "cancelled", after=told)
        await gapless(observer)
    trial.checked("lost, and told why", "its container goes on return", "a retry goes on", "I8")


@fault("T20", "the runner stands still for longer than it may, then goes on as if nothing was", quick=True)
async def stale(trial: Trial) -> None:
    async with trial.own_home(beat_s=SHORT_BEAT_S) as home, home.watch("Steps: echo 0 >> trace; sleep 2") as observer:
        # It ends meanwhile, so there is something to tell.
        await observer.until(ran("sleep 2"))
        (old,), runner = containers(observer.task), home.stack.processes.running["runner"]
        runner.send_signal(signal.SIGSTOP)
        trial.injected()
        try:
            lost = await observer.ended()
            told = list(observer.events)
            assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost"), lost
            assert containers(observer.task) == [old], "whoever could end it stands still"
            ((given_up, _, acked),) = observer.attempts()
            ref, _ = outbox(home.stack, given_up)
            await home.phone.add_input(observer.task, "Steps: echo 1 >> trace")
        finally:
            runner.send_signal(signal.SIGCONT)
        with trial.recovery(limit_s=20.0):
            opened = await observer.until(kind("sandbox_opened"), after=told[-1])
        # It heard at once that the attempt is over, and told nothing more: this is what one would who did not hear.
        delayed = event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="it went on"))
        late = runner_pb2.AttemptEvent(sequence=acked + 1, body=delayed)
        (answer,) = await sent_again(home.stack, ref, [[late]])
        assert answer.error_reason == "LEASE_SUPERSEDED", f"it came too late, and was answered {answer.error_reason!r}"
        ended = await observer.until(kind("pull_request_opened"), after=told[-1])
        await observer.until(lambda event: event["detail"].get("status") == "completed", after=ended)
        await gapless(observer)
        assert observer.events[: len(told)] == told
        assert {each["attempt_id"] for each in told if each["attempt_id"]} == {given_up}
        since = {each["attempt_id"] for each in observer.events[len(told) :] if each["attempt_id"]}
        assert given_up not in since
        assert len(since) == 1, since
        assert not opened["detail"]["container_id"].startswith(old)
        await no_container(observer.task)
    trial.checked("refused what it did meanwhile", "its container is killed", "what was sent on ran once", "I8")
