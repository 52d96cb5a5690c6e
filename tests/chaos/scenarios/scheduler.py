"""The scheduler dies at the worst moments, and is told to go, and is started twice."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import grpc

from errand.v1 import runner_pb2, task_service_pb2
from errand.v1.task_service_pb2_grpc import TaskServiceStub
from errand_common import rpc
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.invariants import read
from tests.chaos.observer import Observer, check
from tests.chaos.prompts import began, kind, lines, steps
from tests.chaos.runner_outbox import kind_of, outbox
from tests.chaos.trial import Trial
from tests.chaos.unreliable import Unreliable, unreliable
from tests.demo.phone import FINAL
from tests.demo.ports import free_port
from tests.e2e.watching import no_container

LOAD = 50
WATCHED = 15
"""One person may have 20 sockets."""
KILLS = 8
STREAMS = 100
RECOVERED_S = 10.0
SYNC_S = 0.3
"""Of each in which a commit is broken off: whoever is told of it before it is done has time to hear that."""


@fault("T1", "kill -9 of the scheduler once a placement is committed, before its offer is sent", needs=("cc",))
async def killed_after_placement(trial: Trial) -> None:
    async with unreliable() as library, trial.own_home(scheduler=library.settings) as home:
        for _ in trial.rounds(3):
            await home.operator.set_mode("local", runner_pb2.RUNNER_MODE_CORDONED)
            async with home.watch(steps(0.1, 2)) as observer:
                library.kill_after("offered")
                # It may die over this very answer.
                with suppress(grpc.aio.AioRpcError):
                    await home.operator.set_mode("local", runner_pb2.RUNNER_MODE_ACTIVE)
                await _dies(trial, home, library, observer, phases=("offered",))
                await _ends_once(observer)
    trial.checked("offered, and not told, at its death", "one container", "I8")


@fault("T2", "kill -9 of the scheduler once an acceptance is committed, before the runner is answered", needs=("cc",))
async def killed_after_acceptance(trial: Trial) -> None:
    async with unreliable() as library, trial.own_home(scheduler=library.settings) as home:
        for _ in trial.rounds(3):
            runner = home.stack.processes.running["runner"]
            runner.send_signal(signal.SIGSTOP)
            async with home.watch(steps(0.1, 2)) as observer:
                await observer.until_phase("offered")
                library.kill_after("accepted")
                runner.send_signal(signal.SIGCONT)
                await _dies(trial, home, library, observer, phases=("accepted",))
                await check(observer)
                await _ends_once(observer)
    trial.checked("accepted, and not answered, at its death", "one attempt", "one container", "I8")


@fault("T4", "kill -9 of the scheduler in the middle of a commit: before it is on the disk, and after", needs=("cc",))
async def killed_in_a_commit(trial: Trial) -> None:
    async with unreliable() as library, trial.own_home(scheduler=library.settings) as home:
        for number in trial.rounds(4):
            async with home.watch(steps(0.2)) as observer:
                await observer.until(began(0))
                library.slow(SYNC_S)
                (library.kill_before, library.kill_after)[number % 2](f"echo {trial.chance.randrange(1, 5)} >> trace")
                await _dies(trial, home, library, observer, phases=("running",))
                await check(observer)
            assert observer.trace() == lines()
    trial.checked("I3: what was acknowledged is there", "I4: a prefix of the outbox", "each command ran once", "I8")


@fault("T5", "kill -9 of the scheduler, again and again, under a load of 50 tasks", quick=True)
async def killed_under_load(trial: Trial) -> None:
    if trial.quick:
        await _killed_once(trial)
        return
    async with trial.own_home(slots=4) as home, AsyncExitStack() as watches:
        observers = [await watches.enter_async_context(home.watch(steps(0.1, 2))) for _ in range(WATCHED)]
        for _ in range(LOAD - WATCHED):
            await home.phone.create_task(home.project, steps(0.1, 2))
        # Connections come back as they do at full scale: these waits are not scaled either.
        for _ in range(KILLS):
            await asyncio.sleep(trial.chance.uniform(4.0, 10.0))
            if _all_final(home):
                break
            await home.kill("scheduler")
            trial.injected()
            told = len(read(home.stack).told)
            with trial.recovery(limit_s=2 * RECOVERED_S):
                await home.start("scheduler")
                while len(read(home.stack).told) == told and not _all_final(home):
                    await asyncio.sleep(0.05)
        while not _all_final(home):
            await asyncio.sleep(0.5)
        await home.ready()
        for observer in observers:
            await check(observer)
            assert observer.trace() == lines(2)
        record = read(home.stack)
        assert [task.status for task in record.tasks] == ["completed"] * LOAD
        # An offer that nobody was left to send is taken back.
        phases = [attempt.phase for attempt in record.attempts if attempt.phase != "withdrawn"]
        assert phases == ["succeeded"] * LOAD
    trial.checked("all complete", "one attempt a task", "each command ran once", f"I8 of {WATCHED} watchers")


@fault("T6", "SIGTERM of the scheduler with 100 streams of watchers open")
async def told_to_go(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(0.5)) as observer:
        await observer.until(began(1))
        ca = (home.stack.folder / "scheduler" / "tls" / "ca.pem").read_bytes()
        async with rpc.channel(home.stack.scheduler_address, ca=ca) as channel:
            request = task_service_pb2.WatchEventsRequest(task_id=observer.task["task_id"])
            calls = [
                TaskServiceStub(channel).WatchEvents(request, metadata=rpc.bearer(home.phone.access_token))
                for _ in range(STREAMS)
            ]
            async with asyncio.timeout(30):
                await asyncio.gather(*(call.read() for call in calls))
            ends = asyncio.gather(*(_end_of(call) for call in calls))
            began_s = asyncio.get_running_loop().time()
            await home.stack.processes.stop("scheduler")
            trial.injected()
            took_s = asyncio.get_running_loop().time() - began_s
            codes = set(await ends)
        assert codes == {"UNAVAILABLE"}, codes
        assert took_s < 4.0, f"it took {took_s:.1f} s: streams were not told to end, but cut at the end of the grace"
        with trial.recovery(limit_s=RECOVERED_S):
            last = observer.events[-1]
            await home.start("scheduler")
            await observer.until(lambda event: True, after=last)
        await check(observer)
    assert observer.trace() == lines()
    trial.checked("ended well before its grace does", "each stream was told", "one attempt", "I8")


@fault("T7", "a second scheduler on the same data folder, and one at the same address")
async def started_twice(trial: Trial) -> None:
    home = await trial.home()
    same = {"ERRAND_LISTEN": f"127.0.0.1:{free_port()}"}
    other = {"ERRAND_DATA": str(home.stack.folder / "second"), "ERRAND_LISTEN": home.stack.scheduler_address}
    async with home.watch(steps(0.3, 3)) as observer:
        await observer.until(began(0))
        for settings, words in ((same, "another"), (other, "in use")):
            code, said = await home.run_scheduler(**settings)
            trial.injected()
            assert code == 2, f"it ended with {code}: {said}"
            assert words in said, said
        await check(observer)
    assert observer.trace() == lines(3)
    trial.checked("refused, in words", "the first serves on", "one attempt", "I8")


async def _dies(trial: Trial, home: Home, library: Unreliable, observer: Observer, *, phases: Sequence[str]) -> None:
    """Of its own sync; what it leaves is looked at before it is started again."""
    await home.died("scheduler")
    library.behave()
    trial.injected()
    attempt_id, found, acked = observer.attempts()[-1]
    assert found in phases, f"{found} at its death, not {phases}"
    if acked:
        stored = observer.told(attempt_id)
        numbers = [number for number, _ in stored]
        assert numbers == list(range(1, acked + 1)), f"I4: {acked} events are acknowledged, and {numbers} are there"
        _, waiting = outbox(home.stack, attempt_id)
        ahead = {event.sequence: event.body for event in waiting}
        assert min(ahead, default=acked + 1) <= acked + 1, "I3: neither there nor there"
        for number, body in stored:
            if number in ahead:
                assert kind_of(body) == ahead[number].WhichOneof("kind"), "I4: not what the outbox says"
    with trial.recovery(limit_s=RECOVERED_S):
        await home.start("scheduler")
        await home.ready()


async def _ends_once(observer: Observer) -> None:
    """Completed, after one sandbox, however often it was offered."""
    task = await observer.ended()
    assert task["status"] == "completed", task
    assert {phase for _, phase, _ in observer.attempts()} <= {"withdrawn", "succeeded"}
    assert len([event for event in observer.events if kind("sandbox_opened")(event)]) == 1
    assert observer.trace() == lines(2)


def _all_final(home: Home) -> bool:
    return all(task.status in FINAL for task in read(home.stack).tasks)


async def _killed_once(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(0.4)) as observer:
        await observer.until(began(1))
        await home.kill("scheduler")
        trial.injected()
        await asyncio.sleep(1.0)
        with trial.recovery(limit_s=RECOVERED_S):
            await home.start("scheduler")
            await home.ready()
        await check(observer)
    assert observer.trace() == lines()
    await no_container(observer.task)


async def _end_of(call: "grpc.aio.UnaryStreamCall[Any, Any]") -> str:
    """How a stream ends, all of which is read."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as exc:
        return str(exc.code().name)
    return "OK"
